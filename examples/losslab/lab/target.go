package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// queues is how many queues every topic of the lab has.
const queues = 4

// site is where both clients send to in a scenario.
type site interface {
	cluster() holdfast.Cluster

	// createTopic returns when clients find the topic.
	createTopic(ctx context.Context, topic string) error

	// read returns what is stored under the topic.
	read(ctx context.Context, topic string) ([]*remoting.Message, error)
}

// target is a broker with SYNC_FLUSH, and what can be done to it.
type target interface {
	site

	// committed returns the orders as messages that a consumer of the topic was given, each
	// from a committed transaction of a producer that is gone.
	committed(ctx context.Context, topic string, orders []order) ([]*primitive.MessageExt, error)

	// freeze makes the broker stand still, with its connections open, until thaw.
	freeze() error
	thaw() error

	// kill ends the broker without a warning; restart brings it back with what it has stored.
	kill() error
	restart(ctx context.Context) error

	// lossy is the same broker on a way where answers get lost: loseAnswers asks lose about
	// every send, by topic, and loses the answer to it where lose says so, until stop is
	// called. The send itself is handled.
	lossy() site
	loseAnswers(lose func(topic string) bool) (stop func())

	// refuseRetries has lossy refuse what would become a retry or a dead letter of a group,
	// whoever makes it, until it is stopped.
	refuseRetries(group string) *refusal

	close()
}

// fragile is another broker, which says when it stores something that is not durable, and can
// be made to lose it.
type fragile interface {
	site

	// weaken makes it store what comes from now on, but not as durably as it should.
	weaken() error

	// destroy loses everything that is not durable. The rest can be read.
	destroy(ctx context.Context) error

	close()
}

// choice is a target and its fragile broker, not started yet.
type choice struct {
	title        string
	isModel      bool
	start        func(context.Context) (target, error)
	startFragile func(context.Context) (fragile, error)
	weakness     string // what makes the fragile broker lose messages
}

// startBoth starts both at once. On error neither runs.
func (c choice) startBoth(ctx context.Context) (t target, f fragile, err error) {
	var targetErr, fragileErr error
	var wg sync.WaitGroup
	wg.Go(func() { t, targetErr = c.start(ctx) })
	wg.Go(func() { f, fragileErr = c.startFragile(ctx) })
	wg.Wait()
	err = errors.Join(targetErr, fragileErr)
	if err != nil && targetErr == nil {
		t.close()
	}
	if err != nil && fragileErr == nil {
		f.close()
	}
	return t, f, err
}

// choose returns the target of that name: real, model, or auto for the real one where it can
// be had.
func choose(name string, brokers Brokers) (choice, error) {
	switch name {
	case "real":
		return realChoice(brokers), nil
	case "model":
		return modelChoice("as asked for"), nil
	case "auto":
		if err := brokers.Available(); err != nil {
			return modelChoice("because there is no real one to be had: " + err.Error()), nil
		}
		return realChoice(brokers), nil
	default:
		return choice{}, fmt.Errorf("-target=%s is unknown: use auto, real or model", name)
	}
}

// wait returns after d, or when ctx ends with its error.
func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
