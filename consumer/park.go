package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// park is the way out of handling without settling: a drain closes it, and from then on nothing
// begins, what waits gives up, and only what runs goes on. What gave up stays in its call until
// released, because whatever it returned to an official client that still owned the queue
// would count: as an acknowledgement, or as a send-back that nobody confirms.
//
// Nothing slips through, because each side writes before it reads:
//
//	enter                        close
//	-----                        -----
//	active += 1                  closed = true
//	closed? then active -= 1,    active == 0? then idle
//	        and park
//
// If enter did not see closed, close sees the 1 and waits for its leave, which sees closed.
type park struct {
	active atomic.Int64 // calls that are not parked
	closed atomic.Bool

	closing  chan struct{} // closed by close
	idle     chan struct{} // has an element when active may be 0 after close
	released chan struct{}

	closeOnce, releaseOnce sync.Once

	cancelled context.Context // cut ends it: handlers' contexts and the storing of copies
	cancel    context.CancelFunc
}

func newPark() *park {
	p := &park{closing: make(chan struct{}), idle: make(chan struct{}, 1), released: make(chan struct{})}
	p.cancelled, p.cancel = context.WithCancel(context.Background())
	return p
}

// enter begins a call; if it says no the call is to be parked, and not to leave.
func (p *park) enter() bool {
	p.active.Add(1)
	if !p.closed.Load() {
		return true
	}
	p.leave()
	return false
}

// leave ends what enter began, before the call returns or is parked.
func (p *park) leave() {
	if p.active.Add(-1) == 0 && p.closed.Load() {
		p.signal()
	}
}

func (p *park) signal() {
	select {
	case p.idle <- struct{}{}:
	default: // whoever waits has not looked yet
	}
}

// close lets nothing begin any more. It returns at once; closing twice does nothing.
func (p *park) close() {
	p.closeOnce.Do(func() {
		p.closed.Store(true)
		close(p.closing)
		if p.active.Load() == 0 {
			p.signal()
		}
	})
}

// wait returns nil when nothing runs any more after close, or ctx's cause. One caller at a time.
func (p *park) wait(ctx context.Context) error {
	for p.active.Load() > 0 {
		select {
		case <-p.idle:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// cut cancels the contexts of what still runs, now and later.
func (p *park) cut() { p.cancel() }

// release lets parked calls return to the official client. Only when the client has been shut
// down: then its queues are dropped and what the calls return is ignored.
func (p *park) release() { p.releaseOnce.Do(func() { close(p.released) }) }

// stay keeps a call until it is released.
func (p *park) stay() { <-p.released }

// sleep waits for d, and says no if the park closed first.
func (p *park) sleep(d time.Duration) bool {
	if d <= 0 {
		return !p.closed.Load()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.closing:
		return false
	}
}
