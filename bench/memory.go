package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

const (
	memoryPrefix = "memory/"
	millionSends = 1_000_000
	memorySender = 64
)

func memoryCases() []Case {
	return []Case{
		{
			Rows: []Row{
				{Name: memoryPrefix + "sends/100k", Unit: "KiB"},
				{Name: memoryPrefix + "sends/500k", Unit: "KiB"},
				{Name: memoryPrefix + "sends/1M", Unit: "KiB"},
				// Flat: about a byte for each send between, at most.
				{Name: memoryPrefix + "sends/growth-100k-to-1M", Unit: "KiB", Want: OwnAtMost(900)},
			},
			Broker: cluster.AsyncFlush, Rounds: 1, Run: memoryOverSends,
		},
		{
			Rows: []Row{
				{Name: memoryPrefix + "paused", Unit: "MiB"},
				{Name: memoryPrefix + "paused/accepted", Unit: "messages", Want: OwnAtMost(pausedInFlight)},
			},
			Broker: cluster.AsyncFlush, Rounds: 1, Run: memoryPaused,
		},
	}
}

// memoryOverSends is what a producer holds, when it is at rest, after a tenth, half and all
// of the sends, and the growth between the first and the last.
func memoryOverSends(ctx context.Context, t *Turn) (figures []float64, err error) {
	before := live()
	p, err := t.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Shutdown()) }()
	done := 0
	payload := body(256)
	for _, upTo := range []int{t.Sends / 10, t.Sends / 2, t.Sends} {
		s, err := sendUntil(ctx, p, memorySender, payload, times((upTo-done)/memorySender))
		if err != nil {
			return nil, fmt.Errorf("after %d sends: %w", done, err)
		}
		t.failed.add(s.failed)
		done = upTo
		figures = append(figures, float64(live()-before)/1024)
	}
	return append(figures, figures[2]-figures[0]), nil
}

// live is the bytes of heap and stacks that are in use after all garbage is gone; what pools
// keep goes with the second collection.
func live() int64 {
	runtime.GC()
	runtime.GC()
	return inUse()
}

func inUse() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
