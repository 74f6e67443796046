package producer

import (
	"errors"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// shareOut makes each task's own result from the answer to the attempt that it was in.
func (b *batch) shareOut(answer *primitive.SendResult) {
	offsetIDs, position := answer.OffsetMsgID, int64(0)
	for _, t := range b.members {
		var own string
		own, offsetIDs = cutIDs(offsetIDs, len(t.messages))
		t.result = shareOf(t, answer, own, position)
		position += int64(len(t.messages))
	}
}

// ownError is the error of a batch as one of its tasks gets it: what was stored but is not
// durable comes with the task's own result.
func ownError(err error, result *primitive.SendResult) error {
	if err == nil {
		return nil
	}
	failure := (*send.Failure)(nil)
	if !errors.As(err, &failure) || failure.Weak == nil {
		return err
	}
	own := *failure
	own.Weak = &holdfast.NotDurableError{Status: failure.Weak.Status, Result: result}
	if failure.Err == error(failure.Weak) {
		own.Err = own.Weak
	}
	return &own
}

func shareOf(t *task, answer *primitive.SendResult, offsetID string, position int64) *primitive.SendResult {
	share := &struct {
		result primitive.SendResult
		queue  primitive.MessageQueue
	}{result: *answer}
	share.result.MsgID = t.id()
	share.result.OffsetMsgID = offsetID
	share.result.QueueOffset += position
	if answer.MessageQueue != nil {
		share.queue = *answer.MessageQueue
		share.queue.Topic = t.topic
		share.result.MessageQueue = &share.queue
	}
	return &share.result
}

// cutIDs takes n ids off a list with commas between.
func cutIDs(ids string, n int) (own, rest string) {
	end := 0
	for range n {
		comma := strings.IndexByte(ids[end:], ',')
		if comma < 0 {
			return ids, ""
		}
		end += comma + 1
	}
	return ids[:end-1], ids[end:]
}

// id is the UNIQ_KEY, or those of an explicit batch with commas between.
func (t *task) id() string {
	if len(t.messages) == 1 {
		return t.messages[0].GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex)
	}
	ids := make([]string, len(t.messages))
	for i, msg := range t.messages {
		ids[i] = msg.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex)
	}
	return strings.Join(ids, ",")
}
