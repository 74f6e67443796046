package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var delays = []Scenario{
	{Name: "DelayLevel", Queues: 2, Run: delayLevel},
	{Name: "DelayLevelsKeepTheirMessagesApart", Queues: 1, Run: delayLevelsKeepTheirMessagesApart},
	{Name: "TimedMessage", Queues: 2, Run: timedMessage},
	{Name: "TimedTooFarAhead", Queues: 1, Run: timedTooFarAhead},
}

func delayLevel(t *testing.T, on *World) {
	id := newID()
	where := on.mustSend(message{queue: 1, body: "later", properties: map[string]string{"DELAY": "2", "UNIQ_KEY": id, "KEYS": "k"}})
	require.Equal(t, "SCHEDULE_TOPIC_XXXX", on.at(where).Topic, "it waits elsewhere")
	require.Equal(t, 1, where.QueueID, "the answer names the queue that was asked for")

	m := on.storedOne(on.topic)
	require.Equal(t, "later", string(m.Body))
	require.Equal(t, 1, m.QueueID)
	require.Equal(t, id, m.UniqueKey())
	require.Equal(t, "k", m.Properties["KEYS"])
	require.Greater(t, m.CommitLogOffset, on.at(where).CommitLogOffset, "it is stored anew")
	require.Equal(t, map[string]string{
		"UNIQ_KEY": id, "KEYS": "k", "MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "CLUSTER": "DefaultCluster",
		"DELAY": "2", "REAL_TOPIC": on.topic, "REAL_QID": "1", // a copy with these would be delayed again
	}, m.Properties)
}

func delayLevelsKeepTheirMessagesApart(t *testing.T, on *World) {
	on.mustSend(message{body: "never", properties: map[string]string{"DELAY": "18", "KEYS": "18"}})
	on.mustSend(message{body: "soon", properties: map[string]string{"DELAY": "1"}})
	on.mustSend(message{body: "now"})
	on.eventually(func() bool { return len(on.stored(on.topic)) >= 2 }, "the short delay is over")
	require.Subset(t, bodies(on.stored(on.topic)), []string{"now", "soon"})
}

func timedMessage(t *testing.T, on *World) {
	id := newID()
	on.mustSend(message{queue: 1, body: "later", properties: map[string]string{"TIMER_DELAY_MS": "2000", "UNIQ_KEY": id}})
	m := on.storedOne(on.topic)
	require.Equal(t, "later", string(m.Body))
	require.Equal(t, 1, m.QueueID)
	require.Equal(t, id, m.UniqueKey())

	due := time.Now().Add(-time.Minute).UnixMilli()
	on.mustSend(message{queue: 0, body: "overdue", properties: map[string]string{"TIMER_DELIVER_MS": itoa(due)}})
	on.eventually(func() bool { return len(on.stored(on.topic)) == 2 }, "what is overdue is delivered at once")
}

func timedTooFarAhead(t *testing.T, on *World) {
	far := time.Now().Add(4 * 24 * time.Hour).UnixMilli()
	answer := on.send(message{body: "x", properties: map[string]string{"TIMER_DELIVER_MS": itoa(far)}})
	require.Equal(t, 13, answer.Code, answer.Remark)
	require.Empty(t, on.stored(on.topic))
}
