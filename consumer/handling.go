package consumer

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// handling is one message from its delivery until it is settled.
type handling struct {
	given *primitive.MessageExt // the official client's
	msg   *primitive.MessageExt // the handler's: given, or what readable made of it; nil before
	at    position
	group string

	ran      bool      // its handler was called before
	attempts int       // failed in place, since this delivery
	next     step      // storeRetry, storeLater or storeDead while a copy is not stored yet
	level    int       // of the copy
	reason   error     // for the copy
	stores   int       // tries to store it, in vain
	due      time.Time // not before

	running atomic.Pointer[runContext] // for the watchdog
	settled bool                       // may be acknowledged; final when inflight.end is called
	ended   chan struct{}              // made by inflight for who waits
}

func (e *engine) newHandling(ctx context.Context, msg *primitive.MessageExt) *handling {
	h := &handling{given: msg, at: position{queue: queueOf(ctx, msg), offset: msg.QueueOffset}}
	if c, ok := primitive.GetConsumerCtx(ctx); ok {
		h.group = c.ConsumerGroup
	}
	return h
}

// attempt is the number of the attempt that is next or under way, from 1. An orderly consumer's
// official client counts every return in ReconsumeTimes, holds and pauses too.
func (h *handling) attempt(orderly bool) int {
	if orderly {
		return h.attempts + 1
	}
	return int(h.given.ReconsumeTimes) + h.attempts + 1
}

// shown is the message to show in logs and telemetry, and to copy.
func (h *handling) shown() *primitive.MessageExt {
	if h.msg != nil {
		return h.msg
	}
	return h.given
}

// wait puts it off.
func (h *handling) wait(d time.Duration) { h.due = time.Now().Add(d) }
