package producer

import (
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// encode is the members as the one message that the official client would make of them, in
// one piece of memory instead of five copies.
func (b *batch) encode(to *primitive.MessageQueue) *primitive.Message {
	size := 0
	for _, t := range b.members {
		size += t.bytes
	}
	body := make([]byte, 0, size)
	for _, t := range b.members {
		for i, msg := range t.messages {
			body = remoting.AppendBatchMessage(body, msg.Flag, msg.Body, t.properties[i])
		}
	}
	return &primitive.Message{Topic: to.Topic, Batch: true, Body: body}
}
