package rmqtest

import (
	"context"
	"errors"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// DeliverTwice is a middleware that delivers every message twice, as any cluster does now and
// then: after a crash between a handler's effect and the acknowledgement, a rebalance, an answer
// that was lost. Put a handler under it to see that the second delivery repeats no effect.
//
// The second follows when the first returned nil and the work it started with holdfast.Go has
// ended; each has a context, and a copy of the message, of its own. What the first returns
// other than nil is the result, without a second delivery; else the second's.
func DeliverTwice(next holdfast.Handler) holdfast.Handler {
	return func(ctx context.Context, msg *primitive.MessageExt) error {
		if err := deliverOnce(ctx, duplicate(msg), next); err != nil {
			return err
		}
		return deliverOnce(ctx, msg, next)
	}
}

var _ holdfast.Middleware = DeliverTwice

// deliverOnce calls the handler as a consumer does: the delivery ends with the work it started,
// and the context with the delivery.
func deliverOnce(ctx context.Context, msg *primitive.MessageExt, handle holdfast.Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, work := holdfast.WithWork(ctx)
	err := handle(ctx, msg)
	if of := work.Wait(); of != nil {
		err = errors.Join(err, of)
	}
	return err
}

// duplicate is the same message with a body and properties of its own.
func duplicate(msg *primitive.MessageExt) *primitive.MessageExt {
	c := &primitive.MessageExt{
		MsgId: msg.MsgId, OffsetMsgId: msg.OffsetMsgId, StoreSize: msg.StoreSize, QueueOffset: msg.QueueOffset,
		SysFlag: msg.SysFlag, BornTimestamp: msg.BornTimestamp, BornHost: msg.BornHost, StoreTimestamp: msg.StoreTimestamp,
		StoreHost: msg.StoreHost, CommitLogOffset: msg.CommitLogOffset, BodyCRC: msg.BodyCRC, ReconsumeTimes: msg.ReconsumeTimes,
		PreparedTransactionOffset: msg.PreparedTransactionOffset,
	}
	c.Topic, c.Body, c.CompressedBody, c.Flag = msg.Topic, append([]byte(nil), msg.Body...), msg.CompressedBody, msg.Flag
	c.TransactionId, c.Batch, c.Compress, c.Queue = msg.TransactionId, msg.Batch, msg.Compress, msg.Queue
	c.WithProperties(msg.GetProperties())
	return c
}
