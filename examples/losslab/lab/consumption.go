package lab

import (
	"context"
	"time"
)

const (
	failOneIn = 10
	slowOneIn = 50

	// slowFor is longer than impatience, which a raw consumer is given as its consume timeout:
	// its default of 15 min would do the same to what takes longer.
	slowFor    = 4 * time.Second
	impatience = time.Second

	// newest is how many orders, at most, are being worked on when a process dies: less than
	// the 20 that are handled at once.
	newest = 12
)

// consumption is one fault on the way from the broker to a consumer's effects.
type consumption struct {
	name    string // part of topics, groups and order ids
	title   string
	site    site
	orderly bool

	// expiry is the raw consumer's consume timeout; 0 is its default.
	expiry time.Duration

	// isCut says that processes end at once, whatever they are doing.
	isCut bool

	// handle is the handler, the same for both clients.
	handle func(*call) error

	// plot feeds orders, starts the consumer, and has things go wrong.
	plot func(context.Context, *side) error

	// bites is what the raw client must show; otherwise the fault cannot have happened.
	bites symptom
}

var repeats = symptom{"doubled", func(c counts) bool { return c.doubled > 0 }}

// consumptions are all of them. They disturb each other no more than strangers on one broker
// do, and run at once.
func (l *lab) consumptions() []consumption {
	return []consumption{
		{
			name: "refused", title: "every 10th handler fails, retries refused",
			site: l.target.lossy(), handle: failsOnce, plot: l.whileRetriesAreRefused, bites: loses,
		},
		{
			name: "ordered", title: "in order, every 10th handler fails",
			site: l.target, orderly: true, handle: failsOnce, plot: undisturbed, bites: loses,
		},
		{
			name: "panicking", title: "every 10th handler panics, then a restart",
			site: l.target, handle: panicsOnce, plot: l.withRestart, bites: repeats,
		},
		{
			name: "slow", title: "handlers take 4 s, consume timeout is 1 s",
			site: l.target, expiry: impatience, handle: slowOnce, plot: undisturbed, bites: repeats,
		},
		{
			name: "background", title: "work in goroutines, then the process dies",
			site: l.target, isCut: true, handle: handsOff, plot: l.withDeath, bites: loses,
		},
	}
}

func undisturbed(ctx context.Context, s *side) error {
	if err := s.feed(ctx, 0, len(s.orders)); err != nil {
		return err
	}
	return s.start(ctx)
}

// whileRetriesAreRefused has the broker take retries again when it has refused as many as
// orders fail.
func (l *lab) whileRetriesAreRefused(ctx context.Context, s *side) error {
	refused := l.target.refuseRetries(s.group())
	defer refused.stop()
	if err := undisturbed(ctx, s); err != nil {
		return err
	}
	if err := s.await(ctx, func() (bool, error) { return refused.times() >= ceil(len(s.orders), failOneIn), nil }); err != nil {
		return err
	}
	l.say("the broker takes retries of the %s consumer again", clientNames[s.client])
	return nil
}

// withRestart restarts the consumer in order when it has nothing more to do: that is, for the
// raw one, when all are handled but those that it has forgotten.
func (l *lab) withRestart(ctx context.Context, s *side) error {
	half := len(s.orders) / 2
	if err := s.feed(ctx, 0, half); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	handled := half
	if s.client == rawClient {
		handled -= ceil(half, failOneIn)
	}
	if err := s.await(ctx, func() (bool, error) { return s.effects.orders() >= handled, nil }); err != nil {
		return err
	}
	if err := s.end(); err != nil {
		return err
	}
	l.say("the %s consumer restarts", clientNames[s.client])
	if err := s.feed(ctx, half, len(s.orders)); err != nil {
		return err
	}
	return s.start(ctx)
}

// withDeath ends the process in the middle of its newest work, when the broker has been told
// that everything else is consumed.
func (l *lab) withDeath(ctx context.Context, s *side) error {
	half := len(s.orders) / 2
	s.unfinished = half - min(newest, ceil(half, failOneIn))
	if err := s.feed(ctx, 0, s.unfinished); err != nil {
		return err
	}
	if err := s.feed(ctx, s.unfinished, half); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	ready := func() (bool, error) { return s.effects.orders() >= s.unfinished, nil }
	if s.client == rawClient {
		ready = func() (bool, error) { return s.caughtUp(ctx) }
	}
	if err := s.await(ctx, ready); err != nil {
		return err
	}
	s.process.die()
	if err := s.end(); err != nil {
		return err
	}
	l.say("the process of the %s consumer dies", clientNames[s.client])
	s.unfinished = len(s.orders)
	if err := s.feed(ctx, half, len(s.orders)); err != nil {
		return err
	}
	return s.start(ctx)
}

// ceil is how many of n numbers from 0 are multiples of k.
func ceil(n, k int) int { return (n + k - 1) / k }
