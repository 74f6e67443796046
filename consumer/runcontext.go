package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// runContext is the context of one run of a handler: it ends at the deadline, when a drain has
// run out of time, or when the run ends. A timer costs more than many a handler, so there is
// none until Done is called; until then Err looks at the clock.
type runContext struct {
	context.Context // whose values it has: the official client's
	deadline        time.Time
	drained         context.Context
	reported        bool // that the deadline is over; the watchdog's

	mu    sync.Mutex
	ended bool
	made  atomic.Pointer[madeContext] // what Done was called for, written under mu
}

type madeContext struct {
	context.Context
	cancel context.CancelFunc
	forget func() bool // drained
}

func newRunContext(parent, drained context.Context, now time.Time, timeout time.Duration) *runContext {
	r := &runContext{Context: parent, deadline: now.Add(timeout), drained: drained}
	if earlier, ok := parent.Deadline(); ok && earlier.Before(r.deadline) {
		r.deadline = earlier
	}
	return r
}

// Deadline is the handler's.
func (r *runContext) Deadline() (time.Time, bool) { return r.deadline, true }

// Done is closed at the end.
func (r *runContext) Done() <-chan struct{} { return r.make().Done() }

// Err says why it ended, nil before.
func (r *runContext) Err() error {
	if made := r.made.Load(); made != nil {
		return made.Err()
	}
	r.mu.Lock()
	over := r.ended
	r.mu.Unlock()
	if !over && r.Context.Err() == nil && r.drained.Err() == nil && time.Now().Before(r.deadline) {
		return nil
	}
	return r.make().Err() // from now on the same for ever
}

// Value finds what the context package looks for to attach children without a goroutine, too.
func (r *runContext) Value(key any) any {
	if made := r.made.Load(); made != nil {
		return made.Value(key)
	}
	return r.Context.Value(key)
}

func (r *runContext) make() context.Context {
	if made := r.made.Load(); made != nil {
		return made
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if made := r.made.Load(); made != nil {
		return made
	}
	if r.ended {
		ctx, cancel := context.WithCancel(r.Context)
		cancel()
		made := &madeContext{Context: ctx}
		r.made.Store(made)
		return made
	}
	ctx, cancel := context.WithDeadline(r.Context, r.deadline)
	made := &madeContext{Context: ctx, cancel: cancel, forget: context.AfterFunc(r.drained, cancel)}
	if r.drained.Err() != nil {
		cancel() // AfterFunc's own goroutine may be late
	}
	r.made.Store(made)
	return made
}

// end cancels it: the run is over.
func (r *runContext) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if made := r.made.Load(); made != nil && made.cancel != nil {
		made.forget()
		made.cancel()
	}
}
