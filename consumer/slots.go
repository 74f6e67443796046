package consumer

// slots bound how many runs of a handler there are at once. The official client has places of its
// own, a goroutine each, which a message takes from its delivery until it is settled; they are
// waiting times the slots, so that one that is held, or whose copy is being stored, does not
// keep others from being handled.
type slots chan struct{}

// waiting is how many places there are for each slot. A copy takes a broker that flushes about
// as long as a few handlers take that do nothing.
const waiting = 8

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
