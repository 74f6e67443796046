package producer

import (
	"context"
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// Request sends a message and waits for a reply, at most ttl, by way of the official client.
// Nil means that the reply is there. Otherwise nothing is known of the message, and the error
// is ErrOutcomeUnknown, unless msg was refused or the producer does not run. When ctx ends,
// Request returns; the official client goes on until ttl is over.
//
// RequestAsync is the official client's own, and outside of this package's promises; with a
// Namespace it wants the topic's full name.
func (p *Producer) Request(ctx context.Context, ttl time.Duration, msg *primitive.Message) (*primitive.Message, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if err := p.check([]*primitive.Message{msg}); err != nil {
		return nil, err
	}
	own := send.Clone(msg)
	own.Topic = p.cluster.Topic(msg.Topic)

	// The official client asks its selector for a queue, which wants it named.
	lane, err := p.laneOf(ctx, own.Topic, msg)
	if err != nil {
		return nil, fmt.Errorf("producer: request to %q: %w", msg.Topic, err)
	}
	queue, ok := lane.pick("")
	if !ok {
		return nil, fmt.Errorf("producer: request to %q: %w", msg.Topic, errNoQueue)
	}
	own.Queue = &primitive.MessageQueue{Topic: own.Topic, BrokerName: queue.Broker, QueueId: queue.ID}
	return p.request(ctx, ttl, own, msg.Topic)
}

func (p *Producer) request(ctx context.Context, ttl time.Duration, msg *primitive.Message, topic string) (*primitive.Message, error) {
	type answer struct {
		reply *primitive.Message
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		reply, err := p.officialProducer.Request(ctx, ttl, msg)
		done <- answer{reply, err}
	}()
	select {
	case a := <-done:
		if a.err != nil {
			return nil, fmt.Errorf("producer: request to %q: %w: %w", topic, holdfast.ErrOutcomeUnknown, a.err)
		}
		return a.reply, nil
	case <-ctx.Done():
		p.leaveBehind(func() { <-done })
		return nil, fmt.Errorf("producer: request to %q: %w: %w", topic, holdfast.ErrOutcomeUnknown, context.Cause(ctx))
	}
}
