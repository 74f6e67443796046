package producer

import (
	"context"
	"sync"
)

// room bounds what is in flight, in messages and in bytes. Whoever comes first gets room
// first; a single send larger than everything gets it when all else is done.
type room struct {
	maxMessages, maxBytes int

	mu       sync.Mutex
	messages int
	bytes    int
	waiters  []*waiter
	idle     chan struct{} // closed when nothing is in flight; nil if nobody asked
}

type waiter struct {
	messages, bytes int
	ready           chan struct{}
}

// take gets room or returns why ctx ended.
func (r *room) take(ctx context.Context, messages, bytes int) error {
	r.mu.Lock()
	if len(r.waiters) == 0 && r.fits(messages, bytes) {
		r.messages += messages
		r.bytes += bytes
		r.mu.Unlock()
		return nil
	}
	w := &waiter{messages, bytes, make(chan struct{})}
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()

	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
		r.giveUp(w)
		return context.Cause(ctx)
	}
}

func (r *room) fits(messages, bytes int) bool {
	if r.messages == 0 {
		return true
	}
	return r.messages+messages <= r.maxMessages && r.bytes+bytes <= r.maxBytes
}

func (r *room) giveUp(w *waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, other := range r.waiters {
		if other == w {
			r.waiters = append(r.waiters[:i], r.waiters[i+1:]...)
			r.admit() // the next may be smaller
			return
		}
	}
	r.leave(w.messages, w.bytes) // it was let in at the same moment
}

// give returns room.
func (r *room) give(messages, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(messages, bytes)
}

func (r *room) leave(messages, bytes int) {
	r.messages -= messages
	r.bytes -= bytes
	r.admit()
	if r.messages == 0 && r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

func (r *room) admit() {
	for len(r.waiters) > 0 && r.fits(r.waiters[0].messages, r.waiters[0].bytes) {
		w := r.waiters[0]
		r.waiters = r.waiters[1:]
		r.messages += w.messages
		r.bytes += w.bytes
		close(w.ready)
	}
}

// inUse is the number of messages in flight.
func (r *room) inUse() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.messages
}

// empty waits until nothing is in flight or ctx ends; then it returns its cause.
func (r *room) empty(ctx context.Context) error {
	r.mu.Lock()
	if r.messages == 0 {
		r.mu.Unlock()
		return nil
	}
	if r.idle == nil {
		r.idle = make(chan struct{})
	}
	idle := r.idle
	r.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
