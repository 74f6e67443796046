package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var sendBacks = []Scenario{
	{Name: "SendBackIsTriedAgain", Queues: 1, Run: sendBackIsTriedAgain},
	{Name: "SendBackTwice", Queues: 1, Run: sendBackTwice},
	{Name: "SendBackToTheDeadLetters", Queues: 1, Run: sendBackToTheDeadLetters},
	{Name: "SendBackBeyondTheLastAttempt", Queues: 1, Run: sendBackBeyondTheLastAttempt},
	{Name: "SendBackOfNothing", Queues: 1, Run: sendBackOfNothing},
	{Name: "CopyToTheRetryTopic", Queues: 1, Run: copyToTheRetryTopic},
	{Name: "CopyBeyondTheLastAttempt", Queues: 1, Run: copyBeyondTheLastAttempt},
	{Name: "CopyOfAnOrderlyGroupIsDead", Queues: 1, Run: copyOfAnOrderlyGroupIsDead},
}

func (on *World) sendBackRequest(h remoting.SendBackHeader) *remoting.Command {
	h.Group, h.OriginTopic = on.group, on.topic
	if h.MaxReconsumeTimes == 0 {
		h.MaxReconsumeTimes = 16
	}
	return remoting.NewRequest(remoting.ConsumerSendMsgBack, h, nil)
}

func sendBackIsTriedAgain(t *testing.T, on *World) {
	id := newID()
	on.mustSend(message{body: "again", flag: 7, properties: map[string]string{"UNIQ_KEY": id, "KEYS": "k", "TAGS": "a"}})
	original := on.storedOne(on.topic)
	on.must(on.sendBackRequest(remoting.SendBackHeader{Offset: original.CommitLogOffset, DelayLevel: 1, OriginMsgID: original.OffsetMsgID()}))

	copied := on.storedOne("%RETRY%" + on.group)
	require.Equal(t, "again", string(copied.Body))
	require.Equal(t, 1, copied.ReconsumeTimes)
	require.EqualValues(t, 7, copied.Flag)
	require.Equal(t, original.BornTimestamp, copied.BornTimestamp)
	require.Equal(t, id, copied.UniqueKey())
	require.Equal(t, on.topic, copied.Properties["RETRY_TOPIC"])
	require.Equal(t, original.OffsetMsgID(), copied.Properties["ORIGIN_MESSAGE_ID"])
	require.Equal(t, "k", copied.Properties["KEYS"])
	require.Equal(t, "a", copied.Properties["TAGS"])
	require.Equal(t, "false", copied.Properties["WAIT"], "nobody waits for it to be flushed")
	require.Len(t, on.stored(on.topic), 1)
}

// The copy of a copy still knows where it came from.
func sendBackTwice(t *testing.T, on *World) {
	on.mustSend(message{body: "again"})
	original := on.storedOne(on.topic)
	on.must(on.sendBackRequest(remoting.SendBackHeader{Offset: original.CommitLogOffset, DelayLevel: 1}))
	retry := "%RETRY%" + on.group
	on.must(on.sendBackRequest(remoting.SendBackHeader{Offset: on.storedOne(retry).CommitLogOffset, DelayLevel: 1}))
	on.eventually(func() bool { return len(on.stored(retry)) == 2 }, "a copy of the copy")
	second := on.stored(retry)[1]
	require.Equal(t, 2, second.ReconsumeTimes)
	require.Equal(t, on.topic, second.Properties["RETRY_TOPIC"])
	require.Equal(t, original.OffsetMsgID(), second.Properties["ORIGIN_MESSAGE_ID"])
	require.Equal(t, original.UniqueKey(), second.UniqueKey())
}

func sendBackToTheDeadLetters(t *testing.T, on *World) {
	on.mustSend(message{body: "dead"})
	on.must(on.sendBackRequest(remoting.SendBackHeader{Offset: on.storedOne(on.topic).CommitLogOffset, DelayLevel: -1}))
	dlq := "%DLQ%" + on.group
	dead := on.storedOne(dlq)
	require.Equal(t, "dead", string(dead.Body))
	require.Equal(t, 1, dead.ReconsumeTimes)
	require.Equal(t, on.topic, dead.Properties["RETRY_TOPIC"])
	require.Len(t, on.route(dlq).WriteQueues(dlq), 1)
	require.Empty(t, on.stored("%RETRY%"+on.group))
}

func sendBackBeyondTheLastAttempt(t *testing.T, on *World) {
	on.mustSend(message{body: "dead", reconsumeTimes: 3})
	offset := on.storedOne(on.topic).CommitLogOffset
	on.must(on.sendBackRequest(remoting.SendBackHeader{Offset: offset, DelayLevel: 1, MaxReconsumeTimes: 4}))
	require.Equal(t, 4, on.storedOne("%RETRY%"+on.group).ReconsumeTimes)
	on.must(on.sendBackRequest(remoting.SendBackHeader{Offset: offset, DelayLevel: 1, MaxReconsumeTimes: 3}))
	require.Equal(t, 4, on.storedOne("%DLQ%"+on.group).ReconsumeTimes)
}

func sendBackOfNothing(t *testing.T, on *World) {
	on.requireRefused(remoting.SystemError, "look message by offset failed", on.sendBackRequest(remoting.SendBackHeader{Offset: 1 << 40, DelayLevel: 1}))
	require.Empty(t, on.stored("%RETRY%"+on.group))
}

// A consumer may write the copy itself, as an ordinary send: it is acknowledged as one.
func copyToTheRetryTopic(t *testing.T, on *World) {
	on.join().heartbeat("*")
	retry, id := "%RETRY%"+on.group, newID()
	properties := map[string]string{"UNIQ_KEY": id, "RETRY_TOPIC": on.topic, "ORIGIN_MESSAGE_ID": "origin", "DELAY": "2"}
	where := on.mustSend(message{topic: retry, body: "again", reconsumeTimes: 1, maxReconsume: 16, properties: properties})
	require.Equal(t, "SCHEDULE_TOPIC_XXXX", on.at(where).Topic)

	copied := on.storedOne(retry)
	require.Equal(t, 1, copied.ReconsumeTimes)
	require.Equal(t, id, copied.UniqueKey())
	require.Equal(t, on.topic, copied.Properties["RETRY_TOPIC"])
	require.Equal(t, "origin", copied.Properties["ORIGIN_MESSAGE_ID"])
}

func copyBeyondTheLastAttempt(t *testing.T, on *World) {
	on.join().heartbeat("*")
	retry, dlq := "%RETRY%"+on.group, "%DLQ%"+on.group
	on.mustSend(message{topic: retry, body: "last", reconsumeTimes: 16, maxReconsume: 16})
	require.Equal(t, []string{"last"}, bodies(on.stored(retry)))
	on.mustSend(message{topic: retry, body: "dead", reconsumeTimes: 17, maxReconsume: 16, properties: map[string]string{"DELAY": "2"}})
	require.Equal(t, "dead", string(on.storedOne(dlq).Body))
	require.Equal(t, 17, on.storedOne(dlq).ReconsumeTimes)
	require.Len(t, on.stored(retry), 1)
}

// A group that holds queue locks consumes in order, and has no retries that could come later.
func copyOfAnOrderlyGroupIsDead(t *testing.T, on *World) {
	on.join().heartbeat("*")
	require.Equal(t, []int{0}, on.locked("client", 0))
	on.mustSend(message{topic: "%RETRY%" + on.group, body: "dead", reconsumeTimes: 1, maxReconsume: 16})
	require.Equal(t, "dead", string(on.storedOne("%DLQ%"+on.group).Body))
	require.Empty(t, on.stored("%RETRY%"+on.group))
}
