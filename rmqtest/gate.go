package rmqtest

import (
	"context"
	"sync/atomic"
)

// gate holds up whoever comes while it is shut. The zero gate is open.
type gate struct {
	shut atomic.Pointer[chan struct{}] // nil while open; closed when it opens
}

func (g *gate) close() {
	held := make(chan struct{})
	g.shut.CompareAndSwap(nil, &held)
}

func (g *gate) open() {
	if held := g.shut.Swap(nil); held != nil {
		close(*held)
	}
}

// pass returns when the gate is open; false if ctx ended before that.
func (g *gate) pass(ctx context.Context) bool {
	for {
		held := g.shut.Load()
		if held == nil {
			return true
		}
		select {
		case <-*held:
		case <-ctx.Done():
			return false
		}
	}
}
