// Package backoff spaces attempts: exponential, with full jitter, as in "Exponential Backoff
// And Jitter" (AWS Architecture Blog, 2015), which shows that it needs the fewest attempts
// of the usual schemes when many callers contend.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Policy is a schedule. Its zero value never waits.
type Policy struct {
	Base time.Duration // the bound of the first delay
	Max  time.Duration // the bound of every delay; 0 means Base
}

// Delay is how long to wait after the n-th failure, counted from 1: uniform between 0 and
// Base * 2^(n-1), at most Max.
func (p Policy) Delay(n int) time.Duration {
	bound := p.bound(n)
	if bound <= 0 {
		return 0
	}
	return rand.N(bound) + 1
}

func (p Policy) bound(n int) time.Duration {
	limit := max(p.Base, p.Max)
	bound := p.Base
	for range n - 1 {
		if bound >= limit/2 {
			return limit
		}
		bound *= 2
	}
	return bound
}

// Sleep waits for d or until ctx ends, whichever is first; then it returns ctx's cause.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
