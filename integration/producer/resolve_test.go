package producer_test

import (
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/producer"
)

// resolve asks until the message is in the index, which is filled after the log.
func (on *world) resolve(p *producer.Producer, id string) (producer.Resolution, *primitive.SendResult) {
	on.Helper()
	var resolution producer.Resolution
	var result *primitive.SendResult
	on.eventually(func() bool {
		var err error
		resolution, result, err = p.Resolve(on.soon(), on.topic, id)
		return err == nil && resolution != producer.NotFound
	}, "the message is found")
	return resolution, result
}

// requireFound wants the producer to find what it has sent.
func (on *world) requireFound(p *producer.Producer, sent *primitive.SendResult) {
	on.Helper()
	_, found := on.resolve(p, sent.MsgID)
	require.Equal(on, sent.OffsetMsgID, found.OffsetMsgID)
	require.Equal(on, sent.QueueOffset, found.QueueOffset)
	require.Equal(on, sent.MessageQueue, found.MessageQueue)
}
