package lab

import (
	"context"
	"sync"
	"time"
)

// Orders come in bursts, 333 a second, as requests come to a service: no matter how those
// before them fare.
const (
	burst = 16
	pace  = 48 * time.Millisecond
)

// stream is the jobs of one scenario on their way through both clients.
type stream struct {
	scenario scenario
	clients  clients
	jobs     []job
	attempts [clientCount][]attempt
	running  sync.WaitGroup
}

// run releases the jobs, has the fault strike in the middle of them, and returns when every
// send has.
func (s *stream) run(ctx context.Context) error {
	for c := range s.attempts {
		s.attempts[c] = make([]attempt, len(s.jobs))
	}
	defer s.running.Wait()
	ticker := time.NewTicker(pace)
	defer ticker.Stop()

	third := len(s.jobs) / 3
	if err := s.release(ctx, ticker, 0, third); err != nil {
		return err
	}
	struck, twoThirds := make(chan error, 1), make(chan struct{})
	s.running.Go(func() { struck <- s.strike(ctx, twoThirds) })
	err := s.release(ctx, ticker, third, 2*third)
	close(twoThirds)
	if struckBy := <-struck; err == nil {
		err = struckBy
	}
	if err != nil {
		return err
	}
	return s.release(ctx, ticker, 2*third, len(s.jobs))
}

func (s *stream) strike(ctx context.Context, twoThirds <-chan struct{}) error {
	if s.scenario.strike == nil {
		return nil
	}
	return s.scenario.strike(ctx, twoThirds)
}

// release starts sending the jobs from..to.
func (s *stream) release(ctx context.Context, ticker *time.Ticker, from, to int) error {
	for i := from; i < to; i++ {
		if (i-from)%burst == 0 {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for c := range s.clients {
			s.running.Go(func() { s.send(ctx, c, i) })
		}
	}
	return nil
}

func (s *stream) send(ctx context.Context, c, i int) {
	ctx, cancel := context.WithTimeout(ctx, s.scenario.patience)
	defer cancel()
	msg := s.jobs[i].message(s.clients[c], s.scenario.topic(c))
	s.attempts[c][i] = attempt{s.jobs[i].id, s.clients[c].send(ctx, msg)}
}

// topic is the one that a client sends to.
func (s scenario) topic(c int) string { return "losslab-" + s.name + "-" + clientNames[c] }
