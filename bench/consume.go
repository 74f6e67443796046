package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

const (
	consumed      = 200_000 // messages of one turn
	consumedFails = 60_000  // where every 10th fails
	failsEvery    = 10
	delays        = 1000 // messages of one turn, one every delayTick
	delayTick     = 2 * time.Millisecond
)

func consumeCases() []Case {
	return []Case{
		{
			Rows:   []Row{{Name: "consume/256B", Unit: "msg/s", Want: AtLeast(0.97)}},
			Broker: cluster.AsyncFlush, Run: consumption(consumed, func(*primitive.MessageExt) error { return nil }),
		},
		{
			Rows:   []Row{{Name: "consume/delay/p50", Unit: "ms", Want: AtMost(1.05)}, {Name: "consume/delay/p99", Unit: "ms"}},
			Broker: cluster.AsyncFlush, Run: dispatchDelay,
		},
		{
			Rows: []Row{
				{Name: "memory/consumed/100k", Unit: "KiB"},
				{Name: "memory/consumed/1M", Unit: "KiB"},
				{Name: "memory/consumed/growth-100k-to-1M", Unit: "KiB", Want: OwnAtMost(900)},
			},
			Broker: cluster.AsyncFlush, Rounds: 1, Run: memoryOverConsumption,
		},
		{
			Rows:   []Row{{Name: "consume/fails-every-10th/256B", Unit: "msg/s", Want: AtLeast(0.9)}},
			Broker: cluster.SyncFlush, Run: consumption(consumedFails, failsOnce),
		},
	}
}

var errFails = errors.New("fails")

// failsOnce fails every 10th message of a queue at its first attempt.
func failsOnce(msg *primitive.MessageExt) error {
	if msg.ReconsumeTimes == 0 && msg.QueueOffset%failsEvery == 0 {
		return errFails
	}
	return nil
}

// consumption is how many messages of a filled topic are handled for the first time in a
// second, from the first to the last.
func consumption(messages int, h handle) func(context.Context, *Turn) ([]float64, error) {
	return func(ctx context.Context, t *Turn) ([]float64, error) {
		topic := fmt.Sprintf("bench-consume-%d", messages)
		if err := t.broker.fill(ctx, topic, messages, 256); err != nil {
			return nil, err
		}
		counted := newCounter(messages)
		stop, err := t.consume(ctx, topic, func(msg *primitive.MessageExt) error {
			if msg.ReconsumeTimes == 0 {
				counted.one()
			}
			return h(msg)
		})
		if err != nil {
			return nil, err
		}
		defer stop()
		if err := counted.wait(ctx); err != nil {
			return nil, err
		}
		return []float64{float64(messages) / counted.took().Seconds()}, nil
	}
}

// counter is done when so many have been counted.
type counter struct {
	upTo       int64
	n          atomic.Int64
	first, end atomic.Pointer[time.Time]
	done       chan struct{}
}

func newCounter(upTo int) *counter { return &counter{upTo: int64(upTo), done: make(chan struct{})} }

func (c *counter) one() {
	n := c.n.Add(1)
	if n != 1 && n != c.upTo {
		return
	}
	now := time.Now()
	if n == 1 {
		c.first.Store(&now)
	} else {
		c.end.Store(&now)
		close(c.done)
	}
}

func (c *counter) took() time.Duration { return c.end.Load().Sub(*c.first.Load()) }

func (c *counter) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%d of %d messages came: %w", c.n.Load(), c.upTo, context.Cause(ctx))
	}
}

// dispatchDelay is from before a send, one at a time, to the handler.
func dispatchDelay(ctx context.Context, t *Turn) ([]float64, error) {
	topic := fmt.Sprintf("bench-delay-%d", groups.Add(1))
	if err := t.broker.cluster.CreateTopic(ctx, topic, queues); err != nil {
		return nil, err
	}
	counted, took := newCounter(1+delays), make([]time.Duration, 1+delays)
	stop, err := t.consume(ctx, topic, func(msg *primitive.MessageExt) error {
		n, err := strconv.Atoi(msg.GetKeys())
		if err != nil {
			return err
		}
		sent, err := strconv.ParseInt(string(msg.Body), 10, 64)
		took[n] = time.Since(time.Unix(0, sent))
		counted.one()
		return err
	})
	if err != nil {
		return nil, err
	}
	defer stop()
	send := func(n int) error {
		msg := primitive.NewMessage(topic, strconv.AppendInt(nil, time.Now().UnixNano(), 10))
		_, err := t.broker.producers[held].SendSync(ctx, msg.WithKeys([]string{strconv.Itoa(n)}))
		return err
	}
	if err := send(0); err != nil {
		return nil, err
	}
	if err := comes(ctx, func() bool { return counted.n.Load() > 0 }); err != nil {
		return nil, fmt.Errorf("the consumer has no queues: %w", err)
	}
	ticker := time.NewTicker(delayTick)
	defer ticker.Stop()
	for n := 1; n <= delays; n++ {
		<-ticker.C
		if err := send(n); err != nil {
			return nil, err
		}
	}
	if err := counted.wait(ctx); err != nil {
		return nil, err
	}
	slices.Sort(took)
	return []float64{percentile(took, 50).Seconds() * 1000, percentile(took, 99).Seconds() * 1000}, nil
}

// memoryOverConsumption is what a consumer holds, at rest, after a tenth and all of the
// messages.
func memoryOverConsumption(ctx context.Context, t *Turn) (figures []float64, err error) {
	topic := fmt.Sprintf("bench-memory-%s", t.Side)
	before := live()
	var n atomic.Int64
	if err := t.broker.fill(ctx, topic, t.Sends/10, 256); err != nil {
		return nil, err
	}
	stop, err := t.consume(ctx, topic, func(*primitive.MessageExt) error { n.Add(1); return nil })
	if err != nil {
		return nil, err
	}
	defer stop()
	for _, upTo := range []int{t.Sends / 10, t.Sends} {
		if err := t.broker.fill(ctx, topic, upTo, 256); err != nil {
			return nil, err
		}
		if err := comes(ctx, func() bool { return n.Load() >= int64(upTo) }); err != nil {
			return nil, fmt.Errorf("%d of %d messages came: %w", n.Load(), upTo, err)
		}
		figures = append(figures, float64(live()-before)/1024)
	}
	return append(figures, figures[1]-figures[0]), nil
}

// comes waits until something is so.
func comes(ctx context.Context, so func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for !so() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
