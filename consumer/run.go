package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"

	"github.com/holdfast-mq/holdfast/internal/backoff"
	"github.com/holdfast-mq/holdfast/internal/official"
)

const (
	startAttempt = 30 * time.Second // bounds one try to start
	deadCheck    = time.Second      // how often to ask whether the official client is alive
)

// startBackoff is between two tries to start.
var startBackoff = backoff.Policy{Base: 500 * time.Millisecond, Max: 15 * time.Second}

// Run consumes until ctx ends, then drains: nothing new begins, handlers that run go on, their
// contexts are cancelled after WithDrainTimeout (15 s), and at most 7 s later Run has returned.
// What has not finished by then is not acknowledged, and will be delivered again.
//
// Run waits for what it needs to start, trying again with backoff: a name server, a route for
// every topic, the group. Meanwhile Healthy says what is missing, and the log.
//
// It returns nil when ctx has ended and everything that ran has finished. Otherwise the error
// says why it stopped: a mistake in Handle or Use, other subscriptions in the group with
// WithStrictSubscriptions, ctx before it could start, a goroutine of the official client that
// is gone, or what did not finish. It works once.
func (c *Consumer) Run(ctx context.Context) error {
	if err := c.enter(); err != nil {
		return err
	}
	defer c.leave()
	defer c.closeRetries()
	official.SetLogger(c.config.logger)
	if c.config.ownsPanics {
		official.WatchPanics()
	}
	push, err := c.start(ctx)
	if err != nil {
		return err
	}

	background, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { c.watch.run(background) })
	wg.Go(func() { c.newProgress().run(background) })
	err = c.until(ctx)
	c.leave() // not ready any more
	stop()
	err = errors.Join(err, c.drain(push))
	wg.Wait()
	return err
}

// until returns nil when ctx ends, or why the official client cannot go on.
func (c *Consumer) until(ctx context.Context) error {
	ticker := time.NewTicker(deadCheck)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := official.Dead(); err != nil {
				return fmt.Errorf("consumer: group %q: %w", c.group, err)
			}
		}
	}
}

// start tries until it has started, which a consumer of the official client can do once.
func (c *Consumer) start(ctx context.Context) (rocketmq.PushConsumer, error) {
	var push rocketmq.PushConsumer
	for n := 1; ; n++ {
		err := ctx.Err()
		if err == nil && push == nil {
			if push, err = c.newPush(); err != nil {
				return nil, fmt.Errorf("consumer: %w", err)
			}
		}
		used := false
		if err == nil {
			used, err = c.tryStart(ctx, push)
		}
		if err == nil {
			return push, nil
		}
		if used {
			push = nil
		}
		if errors.Is(err, errStrict) {
			return nil, err
		}
		c.report(err)
		if backoff.Sleep(ctx, startBackoff.Delay(n)) != nil {
			c.engine.park.close()
			return nil, fmt.Errorf("consumer: group %q has not started: %w: %w", c.group, context.Cause(ctx), err)
		}
	}
}

func (c *Consumer) newPush() (rocketmq.PushConsumer, error) {
	strays := c.newStrays()
	options := c.config.push
	options.Pulled, options.Goroutines = strays.adopt, c.config.slots()
	push, err := official.NewPushConsumer(c.cluster, c.group, options)
	if err != nil {
		return nil, err
	}
	listen := c.listener(strays)
	for topic, tags := range c.handlers.expressions() {
		if err := push.Subscribe(c.cluster.Topic(topic), mqconsumer.MessageSelector{Type: mqconsumer.TAG, Expression: tags}, listen); err != nil {
			return nil, fmt.Errorf("subscribe %q: %w", topic, err)
		}
	}
	return push, nil
}

// tryStart sees to it that everything is there that a start needs, and starts. used says that
// push cannot be started again.
func (c *Consumer) tryStart(ctx context.Context, push rocketmq.PushConsumer) (used bool, err error) {
	attempt, cancel := context.WithTimeout(ctx, startAttempt)
	defer cancel()
	topics := c.handlers.expressions()
	away, err := (&announce{c.retries.client, c.cluster, c.group}).run(attempt, topics)
	if err != nil {
		return false, err
	}
	if len(away) > 0 {
		c.config.logger.Warn("brokers do not answer: the group's retry topic may be missing there until they do", "group", c.group, "brokers", away)
	}
	watch := c.newWatch(official.ConsumerID(push), topics)
	if c.config.strict {
		mismatches, err := watch.check(attempt)
		if err != nil {
			return false, fmt.Errorf("consumer: group %q: who else is in it: %w", c.group, err)
		}
		if len(mismatches) > 0 {
			return false, fmt.Errorf("consumer: group %q: %w: %v: give all members the same topics and tags", c.group, errStrict, mismatches)
		}
	}
	if err := c.startPush(ctx, push); err != nil {
		return true, fmt.Errorf("consumer: group %q: start the official client: %w", c.group, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch, c.state, c.notYet = watch, running, nil
	return true, nil
}

var errStrict = errors.New("members subscribe differently")

// startPush starts the official consumer, or leaves it behind when ctx ends: it obeys none. A
// start that comes through after all is undone, and delivers to nobody meanwhile; what it has
// delivered before is waited for.
func (c *Consumer) startPush(ctx context.Context, push rocketmq.PushConsumer) error {
	started := make(chan error, 1)
	go func() { started <- push.Start() }()
	select {
	case err := <-started:
		return err
	case <-ctx.Done():
		c.engine.park.close()
		go func() {
			if <-started == nil {
				_ = push.Shutdown()
			}
			c.engine.park.release()
		}()
		return errors.Join(context.Cause(ctx), c.drainUnstarted())
	}
}

// newWatch compares our subscriptions with the others'.
func (c *Consumer) newWatch(self string, topics map[string]string) *watch {
	ours := subscriptions{}
	var wire []string
	for topic, expression := range topics {
		ours[c.cluster.Topic(topic)] = normalised(expression, "")
		wire = append(wire, c.cluster.Topic(topic))
	}
	group := c.cluster.Topic(c.group)
	known := ""
	return &watch{
		inspector: &brokersOfGroup{client: c.retries.client, masters: &c.retries.masters, group: group, topics: wire},
		self:      self, ours: ours, bare: c.cluster.BareTopic, interval: c.config.look,
		found: func(mismatches []Mismatch) {
			var lines []string
			for _, m := range mismatches {
				c.engine.telemetry.Mismatch(context.Background(), m.Topic, c.group)
				lines = append(lines, m.String())
			}
			text := strings.Join(lines, "; ")
			switch {
			case text == known:
			case text == "":
				c.config.logger.Info("the members of the group subscribe the same again", "group", c.group)
			default:
				c.config.logger.Error("members of the group subscribe differently: each gets messages that it does not take, and they count as consumed", "group", c.group, "differences", text)
			}
			known = text
		},
		failed: func(err error) {
			c.config.logger.Warn("the group's members could not be asked what they subscribe", "group", c.group, "error", err)
		},
	}
}
