package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/consumer"
)

// handle is what both sides do with a message.
type handle func(msg *primitive.MessageExt) error

var groups atomic.Int64

// consume starts a consumer of a new group, from the topic's first message. stop returns at
// once: what the consumer has to do to its end goes on beside, and the broker waits for it.
func (t *Turn) consume(ctx context.Context, topic string, h handle) (stop func(), err error) {
	group := fmt.Sprintf("bench-%s-%d", t.Side, groups.Add(1))
	if t.Side == raw {
		if t.least {
			h = leastGuard(h)
		}
		return t.consumeRaw(group, topic, h)
	}
	c, err := consumer.New(t.broker.cluster.Holdfast(), group, consumer.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	if err := c.Handle(topic, "*", func(_ context.Context, msg *primitive.MessageExt) error { return h(msg) }); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	t.broker.consumers.Go(func() {
		if err := c.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			progress("%s: %v", group, err)
		}
	})
	return cancel, nil
}

// consumeRaw is as the official client's own examples do it.
func (t *Turn) consumeRaw(group, topic string, h handle) (stop func(), err error) {
	c, err := rocketmq.NewPushConsumer(
		mqconsumer.WithNsResolver(primitive.NewPassthroughResolver(t.broker.cluster.Holdfast().NameServers)),
		mqconsumer.WithGroupName(group),
		mqconsumer.WithInstance(group),
		mqconsumer.WithConsumeFromWhere(mqconsumer.ConsumeFromFirstOffset),
	)
	if err != nil {
		return nil, err
	}
	err = c.Subscribe(topic, mqconsumer.MessageSelector{}, func(_ context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		for _, msg := range msgs {
			if h(msg) != nil {
				return mqconsumer.ConsumeRetryLater, nil
			}
		}
		return mqconsumer.ConsumeSuccess, nil
	})
	if err == nil {
		err = c.Start()
	}
	return func() { _ = c.Shutdown() }, err
}
