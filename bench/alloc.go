package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// allocSends is how many messages the allocations are averaged over.
const allocSends = 6400

func allocCases() (cases []Case) {
	for _, senders := range []int{1, 64} {
		cases = append(cases, Case{
			Rows: []Row{
				{Name: fmt.Sprintf("alloc/%d", senders), Unit: "allocations/send", Want: AtMost(1.5)},
				{Name: fmt.Sprintf("alloc/%d/bytes", senders), Unit: "bytes/send"},
			},
			Broker: cluster.AsyncFlush,
			Run:    allocations(senders),
		})
	}
	return cases
}

// allocations are those of the whole process, the same for both sides: the caller's message,
// and the heartbeats of a few seconds, are among them.
func allocations(senders int) func(context.Context, *Turn) ([]float64, error) {
	return func(ctx context.Context, t *Turn) ([]float64, error) {
		var before, after runtime.MemStats
		payload := body(256)
		runtime.ReadMemStats(&before)
		s, err := sendUntil(ctx, t.Producer, senders, payload, times(allocSends/senders))
		runtime.ReadMemStats(&after)
		if err != nil {
			return nil, err
		}
		t.failed.add(s.failed)
		n := float64(len(s.took))
		return []float64{float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n}, nil
	}
}
