package consumer

import (
	"context"
	"time"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

const scope = "github.com/holdfast-mq/holdfast/consumer"

// target is a handler with its gate.
type target struct {
	handle holdfast.Handler
	gate   *gate
	slots  slots // nil: the official client bounds how many run
}

// router finds the handler of a message. Its error is treated like a handler's, verdicts
// included.
type router func(msg *primitive.MessageExt) (*target, error)

// engine handles messages: what all listeners of a guard or a consumer share.
type engine struct {
	settings
	route     router
	bare      func(topic string) string // the topic a handler sees; nil: as it is
	telemetry *telemetry.Consumer
	park      *park
	inflight  inflight
	queues    queues
	watchdog  watchdog
}

// newEngine makes an engine of valid settings. The error is the meter's.
func newEngine(s settings, namespace string, route router) (*engine, error) {
	t, err := telemetry.NewConsumer(s.telemetry, scope, holdfast.Version, namespace)
	if err != nil {
		return nil, err
	}
	e := &engine{settings: s, route: route, telemetry: t, park: newPark()}
	if namespace != "" {
		e.bare = holdfast.Cluster{Namespace: namespace}.BareTopic
	}
	return e, nil
}

// listen is the official client's listener. It returns when every message is settled, or, once
// the park is closed, when it is released; never with an error, because the official client
// logs the error and looks at the result alone.
func (e *engine) listen(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
	for _, msg := range msgs {
		protect(msg)
	}
	if _, usual := primitive.GetConcurrentlyCtx(ctx); !usual {
		if o, orderly := primitive.GetOrderlyCtx(ctx); orderly {
			return e.listenInOrder(ctx, o, msgs), nil
		}
	}
	if e.park.enter() {
		if e.settle(ctx, msgs) {
			return mqconsumer.ConsumeSuccess, nil
		}
	}
	e.park.stay()
	return mqconsumer.ConsumeRetryLater, nil // to nobody: the queue is dropped
}

// settle handles the messages of one call, each judged alone, and says whether all are settled.
// If not, the park is closing. It leaves the park.
func (e *engine) settle(ctx context.Context, msgs []*primitive.MessageExt) bool {
	defer e.park.leave() // deferred: a handler may end the goroutine
	if len(msgs) == 1 {
		return e.settleOne(ctx, msgs[0])
	}
	return e.settleAll(ctx, msgs)
}

// settleOne is settleAll for the usual case, without its bookkeeping.
func (e *engine) settleOne(ctx context.Context, msg *primitive.MessageExt) bool {
	h := e.newHandling(ctx, msg)
	for {
		first, ended := e.inflight.begin(h)
		if first == nil {
			return e.finish(ctx, h)
		}
		if !e.await(ended) {
			return false
		}
		if first.settled {
			return true
		}
	}
}

// finish works on one registered message until it is settled, or the park closes.
func (e *engine) finish(ctx context.Context, h *handling) bool {
	defer e.inflight.end(h)
	for !h.settled {
		if !e.sleepUntil(ctx, h) || !e.advance(ctx, h) {
			return false
		}
	}
	return true
}

// settleAll goes on with whichever message is due first, so that one that waits does not hold
// up the others of its batch. Messages that are in flight already are waited for at the end:
// two batches with each other's messages then do not wait for each other, since each has ended
// its own.
func (e *engine) settleAll(ctx context.Context, msgs []*primitive.MessageExt) bool {
	for len(msgs) > 0 {
		own := make([]*handling, 0, len(msgs))
		var others []other
		for _, msg := range msgs {
			h := e.newHandling(ctx, msg)
			if first, ended := e.inflight.begin(h); first != nil {
				others = append(others, other{msg, first, ended})
				continue
			}
			own = append(own, h)
		}
		if !e.finishAll(ctx, own) {
			return false
		}
		msgs = nil
		for _, o := range others {
			if !e.await(o.ended) {
				return false
			}
			if !o.first.settled {
				msgs = append(msgs, o.msg)
			}
		}
	}
	return true
}

// other is a message that another call is working on.
type other struct {
	msg   *primitive.MessageExt
	first *handling
	ended <-chan struct{}
}

func (e *engine) finishAll(ctx context.Context, hs []*handling) bool {
	defer func() {
		for _, h := range hs {
			e.inflight.end(h) // those that are not settled: parked, or the goroutine was ended
		}
	}()
	for len(hs) > 0 {
		next := 0
		for i, h := range hs {
			if h.due.Before(hs[next].due) {
				next = i
			}
		}
		h := hs[next]
		if !e.sleepUntil(ctx, h) || !e.advance(ctx, h) {
			return false
		}
		if h.settled {
			hs = append(hs[:next], hs[next+1:]...)
			e.inflight.end(h)
		}
	}
	return true
}

// await waits for another call's handling to end, and says no if the park closes first.
func (e *engine) await(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	case <-e.park.closing:
		return false
	}
}

// sleepUntil waits until h is due, and says no if the park closes first.
func (e *engine) sleepUntil(ctx context.Context, h *handling) bool {
	if h.due.IsZero() {
		return !e.park.closed.Load()
	}
	return e.sleep(ctx, h, time.Until(h.due))
}

func (e *engine) sleep(ctx context.Context, h *handling, d time.Duration) bool {
	if d <= 0 {
		return !e.park.closed.Load()
	}
	defer e.held(ctx, h)()
	return e.park.sleep(d)
}

// held counts h as waiting until the returned function is called.
func (e *engine) held(ctx context.Context, h *handling) (over func()) {
	topic := h.shown().Topic
	e.telemetry.Held(ctx, topic, h.group, 1)
	return func() { e.telemetry.Held(ctx, topic, h.group, -1) }
}
