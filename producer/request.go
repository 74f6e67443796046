package producer

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// Request sends a message and waits for a reply, at most ttl, by way of the official client.
// Nil means that the reply is there. Otherwise nothing is known of the message, and the error
// is ErrOutcomeUnknown, unless nothing was sent. msg is not changed but for its UNIQ_KEY.
//
// When ttl is over the error is context.DeadlineExceeded. When ctx ends, Request returns. If
// ctx is cancelled before its deadline, the official client goes on until ttl is over; until
// then the message counts as in flight.
//
// A reply goes by Send, with the properties that official clients give it. Brokers answer it
// when they have handed it over: nil does not mean that it is stored.
//
// RequestAsync is the official client's own, and outside of this package's promises; with a
// Namespace it wants the topic's full name.
func (p *Producer) Request(ctx context.Context, ttl time.Duration, msg *primitive.Message) (*primitive.Message, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	msgs, snapshots := []*primitive.Message{msg}, make([]map[string]string, 1)
	snapshot(snapshots, msgs)
	if err := p.check(msgs, snapshots); err != nil {
		return nil, err
	}
	reply, err := p.request(ctx, ttl, msg)
	if err != nil {
		return nil, fmt.Errorf("producer: request to %q: %w", msg.Topic, err)
	}
	return reply, nil
}

func (p *Producer) request(ctx context.Context, ttl time.Duration, msg *primitive.Message) (*primitive.Message, error) {
	if ctx.Err() != nil {
		return nil, &send.Failure{Err: context.Cause(ctx)}
	}
	if deadline, ok := ctx.Deadline(); ok {
		ttl = min(ttl, time.Until(deadline))
	}
	if ttl <= 0 {
		return nil, &send.Failure{Err: fmt.Errorf("no time to wait for a reply: %w", context.DeadlineExceeded)}
	}
	own := &primitive.Message{}
	p.own(msg, own, msg.GetProperties())
	queue, err := p.queueOfRequest(ctx, own.Topic, msg)
	if err != nil {
		return nil, &send.Failure{Err: err}
	}
	own.Queue = &primitive.MessageQueue{Topic: own.Topic, BrokerName: queue.Broker, QueueId: queue.ID}
	if err := p.takeRoom(ctx, 1, len(own.Body)); err != nil {
		return nil, err
	}
	return p.ask(ctx, ttl, own)
}

// queueOfRequest is where a request goes: the official client asks its selector, which wants
// the queue named.
func (p *Producer) queueOfRequest(ctx context.Context, topic string, msg *primitive.Message) (remoting.Queue, error) {
	lane, err := p.laneOf(ctx, topic, msg, true)
	if err != nil {
		return remoting.Queue{}, err
	}
	if queue, ok := lane.pick(""); ok {
		return queue, nil
	}
	return remoting.Queue{}, errNoQueue
}

// ask has room, which is given back when the official client comes back, not before.
func (p *Producer) ask(ctx context.Context, ttl time.Duration, msg *primitive.Message) (*primitive.Message, error) {
	type answer struct {
		reply *primitive.Message
		err   error
	}
	done, begun := make(chan answer, 1), time.Now()
	go func() {
		a := answer{err: errPanicked}
		defer func() {
			_ = recover()
			p.room.give(1, len(msg.Body))
			done <- a
		}()
		// Not ctx: where that ends the official client races with itself.
		a.reply, a.err = p.officialProducer.Request(context.Background(), ttl, msg)
	}()
	unknown := func(err error) error { return &send.Failure{Doubt: true, Err: err} }
	select {
	case a := <-done:
		switch {
		case a.err == nil:
			return a.reply, nil
		case time.Since(begun) >= ttl:
			return nil, unknown(fmt.Errorf("%w: %w", context.DeadlineExceeded, a.err))
		default:
			return nil, unknown(a.err)
		}
	case <-ctx.Done():
		return nil, unknown(context.Cause(ctx))
	case <-p.abandoned.Done():
		return nil, unknown(errAbandoned)
	}
}
