package lab

import (
	"context"
	"fmt"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	consumedOneIn = 4  // orders are sent for each that is consumed
	fewest        = 60 // orders of a consumption, for every fault to bite
)

// consume plays every consumption with both clients' consumers, each when its time has come,
// and then looks at what the broker says about it.
func (l *lab) consume(ctx context.Context) ([]result, error) {
	consumptions := l.consumptions()
	feeder, err := newHeld(l.target.cluster(), "consumers", &l.avoided)
	if err != nil {
		return nil, err
	}
	defer feeder.close()
	orders := max(l.orders/consumedOneIn, fewest)
	var sides []*side
	for _, c := range consumptions {
		reader := remoting.NewClient(c.site.cluster())
		defer reader.Close()
		for client := range clientNames {
			s := newSide(c, client, orders, feeder, reader)
			if err := s.prepare(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", c.title, err)
			}
			sides = append(sides, s)
		}
	}
	l.prepared.close()
	runs := make([]func(context.Context) error, len(sides))
	for i, s := range sides {
		runs[i] = func(ctx context.Context) error { return l.runSide(ctx, s) }
	}
	if err := together(ctx, runs...); err != nil {
		return nil, err
	}
	results := make([]result, len(consumptions))
	for i, s := range sides {
		r := &results[i/clientCount]
		r.title, r.isConsumed, r.bites = s.title, true, s.bites
		if r.counts[s.client], err = s.judge(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return results, nil
}

func (l *lab) runSide(ctx context.Context, s *side) error {
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("%s: %w", s.title, err)
	}
	l.say("%s: %s had the effects of %d of %d orders", s.title, clientNames[s.client], s.effects.orders(), len(s.orders))
	return nil
}
