package main

import (
	"context"
	"errors"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
)

type listener = func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error)

// runRaw is the official client as its users have it: an error means later, the end of the
// process means Shutdown.
func runRaw(ctx context.Context, c config, h *handler) error {
	return runOfficial(ctx, c, func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		for _, msg := range msgs {
			if h.handle(ctx, msg) == nil {
				continue
			}
			if _, ok := primitive.GetOrderlyCtx(ctx); ok && c.inOrder {
				return mqconsumer.SuspendCurrentQueueAMoment, nil
			}
			if c, ok := primitive.GetConcurrentlyCtx(ctx); ok {
				c.DelayLevelWhenNextConsume = 1
			}
			return mqconsumer.ConsumeRetryLater, nil
		}
		return mqconsumer.ConsumeSuccess, nil
	})
}

// runGuard is the official client with Guard as its listener, and nothing else changed.
func runGuard(ctx context.Context, c config, h *handler) error {
	retries, err := consumer.NewRetries(c.cluster(), c.group)
	if err != nil {
		return err
	}
	guarded := consumer.Guard(h.handle, consumer.WithRetries(retries))
	err = runOfficial(ctx, c, func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		result, err := guarded(ctx, msgs...)
		if failing := msgs[0].GetProperty("fail") != "" && msgs[0].ReconsumeTimes == 0; failing && result == mqconsumer.ConsumeSuccess {
			h.reach(answered)
		}
		return result, err
	})
	closing, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(err, retries.Close(closing))
}

func runOfficial(ctx context.Context, c config, l listener) error {
	options := []mqconsumer.Option{
		mqconsumer.WithNameServer([]string{c.nameServer}),
		mqconsumer.WithGroupName(c.group),
		mqconsumer.WithConsumeFromWhere(mqconsumer.ConsumeFromFirstOffset),
		mqconsumer.WithConsumeGoroutineNums(c.concurrency),
		mqconsumer.WithConsumerOrder(c.inOrder),
	}
	if c.consumeTimeout > 0 {
		options = append(options, mqconsumer.WithConsumeTimeout(c.consumeTimeout))
	}
	pc, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return err
	}
	if err := pc.Subscribe(c.topic, mqconsumer.MessageSelector{}, l); err != nil {
		return err
	}
	if err := pc.Start(); err != nil {
		return err
	}
	started()
	<-ctx.Done()
	return pc.Shutdown()
}

func runConsumer(ctx context.Context, c config, h *handler) error {
	options := []consumer.Option{consumer.WithConcurrency(c.concurrency)}
	if c.inOrder {
		options = append(options, consumer.InOrder())
	}
	made, err := consumer.New(c.cluster(), c.group, options...)
	if err != nil {
		return err
	}
	if err := made.Handle(c.topic, "*", h.handle); err != nil {
		return err
	}
	go func() {
		for made.Healthy() != nil {
			time.Sleep(10 * time.Millisecond)
		}
		started()
	}()
	return made.Run(ctx)
}

func (c config) cluster() holdfast.Cluster {
	return holdfast.Cluster{NameServers: []string{c.nameServer}}
}
