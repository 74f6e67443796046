package lab

import (
	"context"
	"fmt"
	"sync"
)

// lab sends orders with both clients while things go wrong at the brokers.
type lab struct {
	target   target
	fragile  fragile
	weakness string
	orders   int // per scenario and client
	say      func(format string, args ...any)
	avoided  duplicatesAvoided
}

// result is what came of one scenario.
type result struct {
	title  string
	counts [clientCount]counts
	bites  symptom
}

// run plays every scenario and then looks at what the brokers have. The error means that the
// lab itself failed, and that there is nothing to tell.
func (l *lab) run(ctx context.Context) ([]result, error) {
	scenarios := l.scenarios()
	attempts := make([][clientCount][]attempt, len(scenarios))
	for i, s := range scenarios {
		var err error
		if attempts[i], err = l.play(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.title, err)
		}
	}
	l.say("reading what the brokers have stored")
	results := make([]result, len(scenarios))
	for i, s := range scenarios {
		var err error
		if results[i], err = judgeScenario(ctx, s, attempts[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", s.title, err)
		}
	}
	return results, nil
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
