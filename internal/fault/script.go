package fault

import (
	"slices"
	"sync"
)

// Script is the faults that are in force, for as long as each is. The zero Script has none;
// it is safe for concurrent use.
type Script struct {
	mu     sync.Mutex
	faults []*Fault // the most recent last
}

// Fault is one entry of a Script, in force until it has fired as often as it should, or until
// Remove. It is safe for concurrent use.
type Fault struct {
	script   *Script
	kind     Kind
	decide   func(*Request) Action
	injected bool // fires on every request of its kind, Pass or not
	times    int  // below 1: no limit
	done     chan struct{}
	hits     int // guarded by script.mu
}

// Intercept asks f about every request of a kind, the most recent fault first; f may be called
// concurrently. Where f says Pass, older faults are asked.
func (s *Script) Intercept(kind Kind, f func(*Request) Action) *Fault {
	return s.add(&Fault{kind: kind, decide: f})
}

// Inject does a to the next times requests of a kind; below 1 means until it is removed.
// Injecting Pass counts requests and leaves them to older faults.
func (s *Script) Inject(kind Kind, a Action, times int) *Fault {
	return s.add(&Fault{kind: kind, decide: func(*Request) Action { return a }, injected: true, times: times})
}

func (s *Script) add(f *Fault) *Fault {
	f.script, f.done = s, make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, f)
	return f
}

// Decide returns what is to be done about r: the action of the most recent fault that has
// one, or Pass.
func (s *Script) Decide(r *Request) Action {
	s.mu.Lock()
	faults := slices.Clone(s.faults)
	s.mu.Unlock()
	for _, f := range slices.Backward(faults) {
		if !f.kind.covers(r.Kind) {
			continue
		}
		// f.decide may call the script itself, so the lock is not held here.
		action := f.decide(r)
		if pass := action == Pass(); pass && !f.injected || !f.fire() || pass {
			continue
		}
		return action
	}
	return Pass()
}

// fire counts a hit. It is false when other requests have used the fault up in the meantime.
// One that was removed still fires: its own function may have done that, to act once.
func (f *Fault) fire() bool {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	if f.times > 0 && f.hits >= f.times {
		return false
	}
	f.hits++
	if f.hits == f.times {
		f.remove()
		close(f.done)
	}
	return true
}

// Remove takes the fault out of force; a request that it is just being asked about may still
// be acted on. Calling it again does nothing.
func (f *Fault) Remove() {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	f.remove()
}

func (f *Fault) remove() {
	f.script.faults = slices.DeleteFunc(f.script.faults, func(other *Fault) bool { return other == f })
}

// Hits is how many requests the fault has fired on.
func (f *Fault) Hits() int {
	f.script.mu.Lock()
	defer f.script.mu.Unlock()
	return f.hits
}

// Done is closed when the fault has fired as often as Inject said; never for one without a
// limit, nor for one that was removed before.
func (f *Fault) Done() <-chan struct{} { return f.done }
