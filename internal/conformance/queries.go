package conformance

import (
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var queries = []Scenario{
	{Name: "QueryByUniqueKey", Queues: 2, Run: queryByUniqueKey},
	{Name: "QueryByKey", Queues: 1, Run: queryByKey},
	{Name: "QueryByTime", Queues: 1, Run: queryByTime},
	{Name: "ViewMessage", Queues: 1, Run: viewMessage},
}

// found is what the broker finds under a UNIQ_KEY in the scenario's topic.
func (on *World) found(id string) []*remoting.Message {
	on.t.Helper()
	messages, err := on.client.QueryByUniqueKey(on.soon(), on.broker, on.topic, id, 32)
	require.NoError(on.t, err)
	return messages
}

func (on *World) query(key string, begin, end int64, most int) *remoting.Command {
	on.t.Helper()
	return on.call(remoting.QueryMessage, remoting.QueryMessageHeader{Topic: on.topic, Key: key, MaxNum: most, BeginTimestamp: begin, EndTimestamp: end}, nil)
}

func queryByUniqueKey(t *testing.T, on *World) {
	id := newID()
	require.Empty(t, on.found(id))
	on.mustSend(message{queue: 1, body: "x", properties: map[string]string{"UNIQ_KEY": id}})
	on.mustSend(message{queue: 1, body: "another", properties: map[string]string{"UNIQ_KEY": newID()}})
	on.eventually(func() bool { return len(on.found(id)) > 0 }, "found")
	require.Equal(t, on.stored(on.topic)[:1], on.found(id), "as it is stored")

	answer := on.call(remoting.QueryMessage, remoting.QueryMessageHeader{Topic: on.topic, Key: newID(), MaxNum: 1, EndTimestamp: math.MaxInt64, UniqueKeyQuery: true}, nil)
	require.Equal(t, remoting.QueryNotFound, answer.Code)
}

func queryByKey(t *testing.T, on *World) {
	on.mustSend(message{body: "1", properties: map[string]string{"KEYS": "a b"}})
	on.mustSend(message{body: "2", properties: map[string]string{"KEYS": "b c"}})
	on.mustSend(message{body: "3", properties: map[string]string{"KEYS": "d"}})
	for key, want := range map[string][]string{"a": {"1"}, "b": {"1", "2"}, "c": {"2"}, "d": {"3"}} {
		on.eventually(func() bool {
			_, got := on.queried(key)
			return len(got) == len(want)
		}, "found by "+key)
		_, got := on.queried(key)
		require.ElementsMatch(t, want, got, key)
	}
	code, _ := on.queried("a b")
	require.Equal(t, remoting.QueryNotFound, code)
}

func (on *World) queried(key string) (int, []string) {
	on.t.Helper()
	answer := on.query(key, 0, math.MaxInt64, 32)
	messages, err := remoting.DecodeMessages(answer.Body)
	require.NoError(on.t, err)
	return answer.Code, bodies(messages)
}

func queryByTime(t *testing.T, on *World) {
	on.mustSend(message{body: "1", properties: map[string]string{"KEYS": "k"}})
	on.eventually(func() bool { return on.query("k", 0, math.MaxInt64, 1).Code == remoting.Success }, "found")
	at := on.storedOne(on.topic).StoreTimestamp
	require.Equal(t, remoting.Success, on.query("k", at-60_000, at+60_000, 1).Code)
	require.Equal(t, remoting.QueryNotFound, on.query("k", at+60_000, at+120_000, 1).Code)
	require.Equal(t, remoting.QueryNotFound, on.query("k", at-120_000, at-60_000, 1).Code)
}

// at is the message that was stored there.
func (on *World) at(where remoting.SendMessageResponse) *remoting.Message {
	on.t.Helper()
	answer := on.must(remoting.NewRequest(remoting.ViewMessageByID, remoting.ViewMessageHeader{Offset: on.logOffset(where)}, nil))
	messages, err := remoting.DecodeMessages(answer.Body)
	require.NoError(on.t, err)
	require.Len(on.t, messages, 1)
	return messages[0]
}

func viewMessage(t *testing.T, on *World) {
	where := on.mustSend(message{body: "x"})
	require.Equal(t, on.storedOne(on.topic), on.at(where))
	answer := on.call(remoting.ViewMessageByID, remoting.ViewMessageHeader{Offset: 1 << 40}, nil)
	require.Equal(t, remoting.SystemError, answer.Code)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
