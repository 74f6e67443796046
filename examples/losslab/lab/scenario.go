package lab

import (
	"context"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

const (
	frozenFor = 3 * time.Second
	bootTime  = 2 * time.Second // of the model

	shortPatience = 200 * time.Millisecond
	longPatience  = 10 * time.Second

	loseOneIn = 10
)

// scenario is one fault and the orders that are sent while it happens.
type scenario struct {
	name     string // part of topics and order ids
	title    string
	site     site
	patience time.Duration // of the caller of each send
	begins   *moment       // comes with it; may be nil

	// jobs make of orders what is to be sent; nil sends the orders.
	jobs func(ctx context.Context, orders []order) ([]job, error)

	// strike makes the fault happen, and ends it if it has an end. It is called when a third
	// of the jobs are released; twoThirds is closed when as many are, and the last third
	// waits for strike to return. Nil does nothing.
	strike func(ctx context.Context, twoThirds <-chan struct{}) error

	// aftermath comes when every send has returned and both clients are closed. Nil does
	// nothing.
	aftermath func(ctx context.Context) error

	// bites is what the raw client must show; otherwise the fault cannot have happened.
	bites symptom
}

// job is one order to send: message makes it for a client and a topic.
type job struct {
	id      string
	message func(c client, topic string) *primitive.Message
}

// symptom is something that a fault does to the raw client.
type symptom struct {
	name string
	seen func(raw counts) bool
}

var (
	loses      = symptom{"lost", func(c counts) bool { return c.lost > 0 }}
	fails      = symptom{"refused", func(c counts) bool { return c.refused() > 0 }}
	misreports = symptom{"doubled or unexpected", func(c counts) bool { return c.doubled > 0 || c.unexpected > 0 }}
)

// scenarios are all of them. What is forwarded comes first: its losses are then final at the
// end, because the broker has given the half messages up. What has a broker of its own comes
// last.
func (l *lab) scenarios() []scenario {
	return []scenario{
		{
			name: "forwarded", title: "copies of committed transactional messages",
			site: l.target, patience: longPatience,
			jobs: l.forwards, bites: loses,
		},
		{
			name: "frozen", title: "broker frozen for 3 s, 200 ms to answer",
			site: l.target, patience: shortPatience,
			strike: l.freeze, bites: misreports,
		},
		{
			name: "killed", title: "broker killed (-9) and restarted",
			site: l.target, patience: longPatience, begins: &l.thawed,
			// Of what was in flight at the kill, all, some or nothing may have been stored.
			strike: l.killAndRestart, bites: fails,
		},
		{
			name: "unanswered", title: "every 10th answer lost",
			site: l.target.lossy(), patience: longPatience,
			strike: l.loseAnswers, bites: misreports,
		},
		{
			name: "weak", title: l.weakness,
			site: l.fragile, patience: longPatience, begins: &l.calm,
			strike: l.weaken, aftermath: l.destroy, bites: loses,
		},
	}
}

func orderJobs(_ context.Context, orders []order) ([]job, error) {
	jobs := make([]job, len(orders))
	for i, o := range orders {
		jobs[i] = job{o.ID, func(_ client, topic string) *primitive.Message { return o.message(topic) }}
	}
	return jobs, nil
}

// forwards takes a part of the orders through transactions, and makes jobs of what a consumer
// gets of them.
func (l *lab) forwards(ctx context.Context, orders []order) ([]job, error) {
	const topic = "losslab-transactions"
	if err := l.target.createTopic(ctx, topic); err != nil {
		return nil, err
	}
	messages, err := l.target.committed(ctx, topic, orders[:len(orders)/5])
	if err != nil {
		return nil, err
	}
	l.say("%d orders committed in transactions and consumed", len(messages))
	jobs := make([]job, len(messages))
	for i, msg := range messages {
		jobs[i] = job{msg.GetKeys(), func(c client, topic string) *primitive.Message { return c.forward(topic, msg) }}
	}
	return jobs, nil
}

func (l *lab) freeze(ctx context.Context, _ <-chan struct{}) error {
	if err := l.prepared.wait(ctx); err != nil {
		return err
	}
	if err := l.target.freeze(); err != nil {
		return err
	}
	l.say("broker frozen")
	stopped := wait(ctx, frozenFor)
	if err := l.target.thaw(); err != nil {
		return err
	}
	l.say("broker goes on")
	return stopped
}

// killAndRestart does so when the consumers that this is for have got so far.
func (l *lab) killAndRestart(ctx context.Context, _ <-chan struct{}) error {
	for c := range l.refused {
		if err := l.refused[c].wait(ctx); err != nil {
			return err
		}
	}
	if err := l.target.kill(); err != nil {
		return err
	}
	l.say("broker killed")
	if err := l.target.restart(ctx); err != nil {
		return err
	}
	l.say("broker is back")
	l.revived.close()
	return nil
}

// loseAnswers goes on until it has lost an answer to the raw client, however late its sends
// are.
func (l *lab) loseAnswers(ctx context.Context, twoThirds <-chan struct{}) error {
	var sends counter
	lost := make(chan struct{})
	stop := l.target.loseAnswers(func(topic string) bool {
		if strings.HasPrefix(topic, retryPrefix) {
			return false // a consumer's, which has troubles of its own
		}
		n := sends.next(topic)
		if n == loseOneIn && strings.HasSuffix(topic, clientNames[rawClient]) {
			close(lost)
		}
		return n%loseOneIn == 0
	})
	defer stop()
	l.say("answers get lost")
	for _, done := range []<-chan struct{}{twoThirds, lost} {
		select {
		case <-done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	l.say("answers arrive again")
	return nil
}

func (l *lab) weaken(context.Context, <-chan struct{}) error {
	if err := l.fragile.weaken(); err != nil {
		return err
	}
	l.say("broker stores, but not as durably as it should")
	return nil
}

func (l *lab) destroy(ctx context.Context) error {
	if err := l.fragile.destroy(ctx); err != nil {
		return err
	}
	l.say("what was not durable is gone")
	return nil
}
