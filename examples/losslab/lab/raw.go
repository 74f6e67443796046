package lab

import (
	"context"
	"fmt"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"

	"github.com/holdfast-mq/holdfast"
)

// raw is the official client used as its own examples use it: an error means that the message
// was not sent, no error means that it was, and what was consumed is sent on with the
// properties it has.
type raw struct{ producer rocketmq.Producer }

func newRaw(cluster holdfast.Cluster, name string) (*raw, error) {
	p, err := rocketmq.NewProducer(
		producer.WithNsResolver(primitive.NewPassthroughResolver(cluster.NameServers)),
		producer.WithRetry(2),
		producer.WithGroupName("losslab-raw"),
		producer.WithQueueSelector(producer.NewHashQueueSelector()),
		// The examples have one producer in a process. Here several follow each other on
		// different name servers, which without names of their own would share a connection.
		producer.WithInstanceName("losslab-raw-"+name),
	)
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the raw producer: %w", err)
	}
	return &raw{p}, nil
}

func (r *raw) send(ctx context.Context, msg *primitive.Message) said {
	if _, err := r.producer.SendSync(ctx, msg); err != nil {
		return notStored
	}
	return acknowledged
}

func (r *raw) forward(topic string, msg *primitive.MessageExt) *primitive.Message {
	forward := primitive.NewMessage(topic, msg.Body)
	forward.WithProperties(msg.GetProperties())
	return forward
}

func (r *raw) close() { _ = r.producer.Shutdown() }
