package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// lab sends and consumes orders with both clients while things go wrong.
type lab struct {
	target   target
	fragile  fragile
	weakness string
	orders   int // per scenario and client; consumptions have fewer
	say      func(format string, args ...any)
	avoided  duplicatesAvoided

	prepared moment              // the consumptions' topics are there, and the target may be frozen
	thawed   moment              // the target will not be frozen any more
	refused  [clientCount]moment // retries were refused, and the target may be killed
	revived  moment              // it is back
	calm     moment              // nothing more will happen to it
}

// result is what came of one scenario or consumption.
type result struct {
	title      string
	isConsumed bool // of a consumption
	counts     [clientCount]counts
	bites      symptom
}

// run plays every scenario and every consumption and looks at what the brokers have. The
// error means that the lab itself failed, and that there is nothing to tell.
func (l *lab) run(ctx context.Context) ([]result, error) {
	scenarios := l.scenarios()
	attempts := make([][clientCount][]attempt, len(scenarios))
	var consumed []result
	err := together(ctx,
		func(ctx context.Context) (err error) {
			consumed, err = l.consume(ctx)
			return err
		},
		func(ctx context.Context) error {
			for i, s := range scenarios {
				if s.begins != nil {
					s.begins.close()
				}
				var err error
				if attempts[i], err = l.play(ctx, s); err != nil {
					return fmt.Errorf("%s: %w", s.title, err)
				}
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	l.say("reading what the brokers have stored")
	results := make([]result, len(scenarios))
	for i, s := range scenarios {
		if results[i], err = judgeScenario(ctx, s, attempts[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return append(results, consumed...), nil
}

// together runs them all at once. The first that fails ends the others.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failures := make([]error, len(all))
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() {
			if failures[i] = one(ctx); failures[i] != nil {
				cancel()
			}
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

// play sends the jobs of a scenario with both clients at once, through the same fault.
func (l *lab) play(ctx context.Context, s scenario) (attempts [clientCount][]attempt, err error) {
	l.say("%s", s.title)
	for c := range clientNames {
		if err := s.site.createTopic(ctx, s.topic(c)); err != nil {
			return attempts, err
		}
	}
	attempts, err = l.send(ctx, s)
	if err == nil && s.aftermath != nil {
		err = s.aftermath(ctx)
	}
	return attempts, err
}

func (l *lab) send(ctx context.Context, s scenario) (attempts [clientCount][]attempt, err error) {
	clients, err := newClients(s.site.cluster(), s.name, &l.avoided)
	if err != nil {
		return attempts, err
	}
	defer clients.close()
	makeJobs := s.jobs
	if makeJobs == nil {
		makeJobs = orderJobs
	}
	jobs, err := makeJobs(ctx, newOrders(s.name, l.orders))
	if err != nil {
		return attempts, err
	}
	stream := stream{scenario: s, clients: clients, jobs: jobs}
	if err := stream.run(ctx); err != nil {
		return attempts, err
	}
	for c, name := range clientNames {
		l.say("%s said stored for %d of %d orders", name, countSaid(stream.attempts[c], acknowledged), len(jobs))
	}
	return stream.attempts, nil
}

// judgeScenario compares what was said in a scenario with what is stored.
func judgeScenario(ctx context.Context, s scenario, attempts [clientCount][]attempt) (result, error) {
	r := result{title: s.title, bites: s.bites}
	for c := range clientNames {
		messages, err := s.site.read(ctx, s.topic(c))
		if err != nil {
			return r, err
		}
		copies := make([]stored, len(messages))
		for i, m := range messages {
			if copies[i], err = readOrder(m); err != nil {
				return r, err
			}
		}
		if r.counts[c], err = judge(attempts[c], copies); err != nil {
			return r, err
		}
	}
	return r, nil
}

// counter counts by name.
type counter struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *counter) next(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[name]++
	return c.counts[name]
}
