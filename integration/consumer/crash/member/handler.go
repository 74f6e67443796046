package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// handler does what the properties of a message say: "fail" is how often it fails, "take" how
// long the effect takes, and with "beside" the effect is left to a goroutine.
type handler struct {
	points
	record *record
	quick  bool
	bare   bool
}

var errOnceMore = errors.New("member: fails this time")

func (h *handler) handle(ctx context.Context, msg *primitive.MessageExt) error {
	if err := h.record.began(msg); err != nil {
		return err
	}
	if times, _ := strconv.Atoi(msg.GetProperty("fail")); int(msg.ReconsumeTimes) < times {
		return holdfast.RetryAfter(time.Second, errOnceMore)
	}
	effect := func(context.Context) error { return h.effect(msg) }
	switch {
	case msg.GetProperty("beside") == "":
		return effect(ctx)
	case h.bare:
		go func() { _ = effect(ctx) }() // the mistake
	default:
		holdfast.Go(ctx, effect)
	}
	return nil
}

// effect obeys no context, as many do not.
func (h *handler) effect(msg *primitive.MessageExt) error {
	take, err := time.ParseDuration(msg.GetProperty("take"))
	if first := msg.ReconsumeTimes <= 1; err == nil && first && !h.quick {
		time.Sleep(take)
	}
	h.reach(inHandler)
	if err := h.record.done(msg); err != nil {
		return err
	}
	h.reach(afterEffect)
	return nil
}
