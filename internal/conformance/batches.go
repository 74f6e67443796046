package conformance

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var batches = []Scenario{
	{Name: "BatchIsStoredTogether", Queues: 2, Run: batchIsStoredTogether},
	{Name: "BatchIsAllOrNothing", Queues: 1, Run: batchIsAllOrNothing},
	{Name: "BatchLimit", Queues: 1, Run: batchLimit},
	{Name: "BatchToARetryTopic", Run: batchToARetryTopic},
	{Name: "BatchWithADelay", Queues: 1, Run: batchWithADelay},
	{Name: "BatchIsFoundByItsIDs", Queues: 1, Run: batchIsFoundByItsIDs},
}

func entry(body string, properties map[string]string) remoting.BatchMessage {
	return remoting.BatchMessage{Flag: 5, Body: []byte(body), Properties: remoting.EncodeProperties(properties)}
}

func batchIsStoredTogether(t *testing.T, on *World) {
	on.mustSend(message{queue: 1, body: "before"})
	var entries []remoting.BatchMessage
	for _, body := range numbered(5) {
		entries = append(entries, entry(body, map[string]string{"TAGS": "paid", "KEYS": body}))
	}
	where := on.where(on.must(on.batch(message{queue: 1}, entries...)))
	require.Equal(t, 1, where.QueueID)
	require.EqualValues(t, 1, where.QueueOffset)

	stored := on.stored(on.topic)[1:]
	require.Equal(t, numbered(5), bodies(stored))
	var ids []string
	for i, m := range stored {
		require.Equal(t, 1, m.QueueID)
		require.EqualValues(t, 1+i, m.QueueOffset)
		require.EqualValues(t, 5, m.Flag)
		require.Equal(t, "paid", m.Properties["TAGS"])
		require.Equal(t, string(m.Body), m.Properties["KEYS"])
		ids = append(ids, m.OffsetMsgID())
	}
	require.Equal(t, strings.Join(ids, ","), where.MsgID)
}

// One message that cannot be read keeps all of them out. Nothing else can be wrong with a
// single one: what limits there are concern the whole.
func batchIsAllOrNothing(t *testing.T, on *World) {
	request := on.batch(message{}, entry("good", nil), entry("cut off", nil))
	request.Body = request.Body[:len(request.Body)-3]
	require.Equal(t, remoting.SystemError, on.do(request).Code)
	require.Empty(t, on.stored(on.topic))
}

func batchLimit(t *testing.T, on *World) {
	half := strings.Repeat("x", maxBody/2)
	answer := on.do(on.batch(message{}, entry(half, nil), entry(half, nil)))
	require.Equal(t, remoting.SystemError, answer.Code, answer.Remark)
	require.Contains(t, answer.Remark, "message body size exceeded")
	require.Empty(t, on.stored(on.topic))
	on.must(on.batch(message{}, entry(half, nil), entry(half[1000:], nil)))
	require.Len(t, on.stored(on.topic), 2)
}

func batchToARetryTopic(t *testing.T, on *World) {
	on.join().heartbeat("*")
	topic := "%RETRY%" + on.group
	on.requireRefused(remoting.MessageIllegal, "batch request does not support retry group", on.batch(message{topic: topic}, entry("x", nil)))
	require.Empty(t, on.stored(topic))
}

func batchWithADelay(t *testing.T, on *World) {
	answer := on.do(on.batch(message{properties: map[string]string{"DELAY": "1"}}, entry("x", map[string]string{"DELAY": "1"})))
	require.Equal(t, remoting.MessageIllegal, answer.Code, answer.Remark)
	require.Empty(t, on.stored(on.topic))
}

// The messages of a batch are indexed one by one, under ids of their own.
func batchIsFoundByItsIDs(t *testing.T, on *World) {
	first, second := newID(), newID()
	on.must(on.batch(message{properties: map[string]string{"UNIQ_KEY": newID()}},
		entry("first", map[string]string{"UNIQ_KEY": first}), entry("second", map[string]string{"UNIQ_KEY": second})))
	for id, body := range map[string]string{first: "first", second: "second"} {
		on.eventually(func() bool { return len(on.found(id)) > 0 }, "found by id")
		require.Equal(t, []string{body}, bodies(on.found(id)))
	}
}
