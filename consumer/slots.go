package consumer

// slots bound how many runs of a handler there are at once. The official client has places of its
// own for each topic that it pulls, and so others for the group's retries: without slots a
// handler would run that often twice over. There are no more places than slots, because messages
// that waited for a slot would be overtaken by later ones, and those done again after a drain.
type slots chan struct{}

// take waits for a slot, and says no if the park closes first.
func (s slots) take(closing <-chan struct{}) bool {
	if s == nil {
		return true
	}
	select {
	case s <- struct{}{}:
		return true
	default:
	}
	select {
	case s <- struct{}{}:
		return true
	case <-closing:
		return false
	}
}

func (s slots) give() {
	if s != nil {
		<-s
	}
}
