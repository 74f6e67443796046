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

	// The official client tells the broker every 5 s what it has consumed, at first after 10 s.
	// What it has not told after that it never will: in order a failed message that is its
	// queue's last, and what it has sent back because its handler was slow.
	persisted = 11 * time.Second

	// It looks every 20 s who is to have which queue, and may share with a member that is gone.
	balanced = 21 * time.Second

	// A broker that was killed does not know its consumers until their next heartbeat, 30 s
	// after the last.
	registered = 40 * time.Second

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

	after *moment // when it begins

	// expiry is the raw consumer's consume timeout; 0 is its default.
	expiry time.Duration

	// silence is for how long a raw consumer may do nothing before it is given up, although the
	// broker has not been told of everything.
	silence time.Duration

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

// consumptions are all of them: one while the broker is killed, the others when it is left
// alone, all at once, because they disturb each other no more than strangers on one broker do.
func (l *lab) consumptions() []consumption {
	return []consumption{
		{
			name: "refused", title: "handlers fail, retries refused, broker killed",
			after: &l.thawed, site: l.target.lossy(), silence: registered, handle: failsOnce, plot: l.whileRetriesAreRefused, bites: loses,
		},
		{
			name: "ordered", title: "in order, every 10th handler fails",
			after: &l.calm, site: l.target, orderly: true, handle: failsOnce, silence: persisted, plot: undisturbed, bites: loses,
		},
		{
			name: "panicking", title: "every 10th handler panics, then a restart",
			after: &l.calm, site: l.target, silence: balanced, handle: panicsOnce, plot: l.withRestart, bites: repeats,
		},
		{
			name: "slow", title: "handlers take 4 s, consume timeout is 1 s",
			after: &l.calm, site: l.target, expiry: impatience, handle: slowOnce, silence: persisted, plot: undisturbed, bites: repeats,
		},
		{
			name: "background", title: "work in goroutines, then the process dies",
			after: &l.calm, site: l.target, isCut: true, silence: balanced, handle: handsOff, plot: l.withDeath, bites: loses,
		},
	}
}

// undisturbed has nothing go wrong but in the handlers.
func undisturbed(ctx context.Context, s *side) error {
	if err := s.feed(ctx, 0, len(s.orders)); err != nil {
		return err
	}
	return s.start(ctx)
}

// whileRetriesAreRefused has the broker refuse a retry for each order that fails, has it killed
// then, and has it take retries and the other half of the orders when it is back.
func (l *lab) whileRetriesAreRefused(ctx context.Context, s *side) error {
	refused := l.target.refuseRetries(s.group())
	defer refused.stop()
	half := len(s.orders) / 2
	if err := s.feed(ctx, 0, half); err != nil {
		return err
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := s.await(ctx, func() (bool, error) { return refused.times() >= ceil(half, failOneIn), nil }); err != nil {
		return err
	}
	l.say("retries of the %s consumer were refused", clientNames[s.client])
	l.refused[s.client].close()
	if err := l.revived.wait(ctx); err != nil {
		return err
	}
	refused.stop()
	return s.feed(ctx, half, len(s.orders))
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
