package producer

import (
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// shareOut makes each task's own result from the answer to the attempt that it was in. A
// task that was found by a look-up has its result already.
func (b *batch) shareOut(answer *primitive.SendResult) {
	offsetIDs, position := answer.OffsetMsgID, int64(0)
	for _, t := range b.members {
		var own string
		own, offsetIDs = cutIDs(offsetIDs, len(t.messages))
		if t.result == nil {
			t.result = shareOf(t, answer, own, position)
		}
		position += int64(len(t.messages))
	}
}

func shareOf(t *task, answer *primitive.SendResult, offsetID string, position int64) *primitive.SendResult {
	share := *answer
	share.MsgID = t.id()
	share.OffsetMsgID = offsetID
	share.QueueOffset += position
	if answer.MessageQueue != nil {
		queue := *answer.MessageQueue
		queue.Topic = t.topic
		share.MessageQueue = &queue
	}
	return &share
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
