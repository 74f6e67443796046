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
	require.Empty(t, on.stored(on.topic), "it waits elsewhere")
	require.Equal(t, 1, where.QueueID, "the answer names the queue that was asked for")

	m := on.storedOne(on.topic)
	require.Equal(t, "later", string(m.Body))
	require.Equal(t, 1, m.QueueID)
	require.Equal(t, id, m.UniqueKey())
	require.Equal(t, "k", m.Properties["KEYS"])
	require.NotEqual(t, where.MsgID, m.OffsetMsgID(), "it is stored anew")
	require.NotContains(t, m.Properties, "DELAY", "and not delayed again")
	require.Equal(t, on.topic, m.Properties["REAL_TOPIC"])
	require.Equal(t, "1", m.Properties["REAL_QID"])
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
