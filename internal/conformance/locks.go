package conformance

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var locks = []Scenario{
	{Name: "QueueLocks", Queues: 3, Run: queueLocks},
	{Name: "QueueLocksExpire", Queues: 1, Run: queueLocksExpire},
}

// locked asks for queues in the name of a client and returns those it got.
func (on *World) locked(client string, queues ...int) []int {
	on.t.Helper()
	answer := on.must(remoting.NewRequest(remoting.LockBatchMQ, nil, on.lockBody(client, queues)))
	var body struct {
		Queues []remoting.Queue `json:"lockOKMQSet"`
	}
	require.NoError(on.t, remoting.UnmarshalFastjson(answer.Body, &body))
	got := []int{}
	for _, q := range body.Queues {
		require.Equal(on.t, remoting.Queue{Topic: on.topic, Broker: on.name, ID: q.ID}, q)
		got = append(got, q.ID)
	}
	return got
}

func (on *World) unlock(client string, queues ...int) {
	on.t.Helper()
	on.must(remoting.NewRequest(remoting.UnlockBatchMQ, nil, on.lockBody(client, queues)))
}

func (on *World) lockBody(client string, queues []int) []byte {
	on.t.Helper()
	set := []remoting.Queue{}
	for _, id := range queues {
		set = append(set, remoting.Queue{Topic: on.topic, Broker: on.name, ID: id})
	}
	body, err := json.Marshal(map[string]any{"consumerGroup": on.group, "clientId": client, "mqSet": set})
	require.NoError(on.t, err)
	return body
}

func queueLocks(t *testing.T, on *World) {
	require.ElementsMatch(t, []int{0, 1}, on.locked("first", 0, 1))
	require.ElementsMatch(t, []int{2}, on.locked("second", 0, 1, 2), "what another client has is not to be had")
	require.ElementsMatch(t, []int{0, 1}, on.locked("first", 0, 1), "one's own is")
	on.unlock("second", 0)
	require.ElementsMatch(t, []int{}, on.locked("second", 0), "nobody else can unlock it")
	on.unlock("first", 0)
	require.ElementsMatch(t, []int{0}, on.locked("second", 0, 1))
}

func queueLocksExpire(t *testing.T, on *World) {
	require.Equal(t, []int{0}, on.locked("first", 0))
	on.eventually(func() bool { return len(on.locked("second", 0)) == 1 }, "a lock that nobody renews is lost")
	require.Empty(t, on.locked("first", 0))
}
