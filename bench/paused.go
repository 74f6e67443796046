package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/producer"
)

const (
	pausedInFlight = 10_000
	pausedOffered  = 50_000
	pausedFor      = 2 * time.Second // shorter than both sides' 3 s, after which attempts end
)

// memoryPaused is what a producer holds while its broker stands still and the program goes on
// calling SendAsync, and how many messages it has accepted by then.
func memoryPaused(ctx context.Context, t *Turn) (figures []float64, err error) {
	p, err := t.Open(producer.WithMaxInFlight(pausedInFlight, 64<<20))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Shutdown()) }()
	payload := body(256)
	if _, err := sendUntil(ctx, p, memorySender, payload, times(100)); err != nil {
		return nil, err
	}

	before := live()
	node := t.broker.cluster.Master(0)
	if err := node.Pause(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, node.Resume()) }() // before Shutdown, which waits for it
	o := offer(ctx, p, payload)
	time.Sleep(pausedFor)
	held, accepted := live()-before, o.accepted.Load()

	if err := node.Resume(); err != nil {
		return nil, err
	}
	o.stop()
	return []float64{float64(held) / (1 << 20), float64(accepted)}, nil
}

// offering calls SendAsync from several goroutines.
type offering struct {
	accepted atomic.Int64
	answered sync.WaitGroup
	callers  sync.WaitGroup
	left     atomic.Int64
	cancel   context.CancelFunc
}

func offer(ctx context.Context, p rocketmq.Producer, payload []byte) *offering {
	o := &offering{}
	o.left.Store(pausedOffered)
	ctx, o.cancel = context.WithCancel(ctx)
	for range memorySender {
		o.callers.Go(func() { o.call(ctx, p, payload) })
	}
	return o
}

func (o *offering) call(ctx context.Context, p rocketmq.Producer, payload []byte) {
	for ctx.Err() == nil && o.left.Add(-1) >= 0 {
		o.answered.Add(1)
		answer := sync.OnceFunc(o.answered.Done) // the raw client can call back twice
		// Not ctx: the raw client panics when the ctx of a SendAsync ends before the answer.
		err := p.SendAsync(context.WithoutCancel(ctx), func(context.Context, *primitive.SendResult, error) { answer() }, primitive.NewMessage(topic, payload))
		if err != nil {
			answer()
			continue
		}
		o.accepted.Add(1)
	}
}

// stop ends the offering and waits for the answers; the broker must be running again.
func (o *offering) stop() {
	o.left.Store(0)
	o.callers.Wait()
	o.answered.Wait()
	o.cancel()
}
