package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var halves = []Scenario{
	{Name: "HalfMessageIsNotVisible", Queues: 1, Run: halfMessageIsNotVisible},
	{Name: "CopyOfACommittedMessageIsAHalfAgain", Queues: 1, Run: copyOfACommittedMessageIsAHalfAgain},
}

const halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"

// half is the half message of the id, nil if there is none.
func (on *World) half(id string) *remoting.Message {
	found, err := on.client.QueryByUniqueKey(on.soon(), on.broker, halfTopic, id, 1)
	require.NoError(on.t, err)
	if len(found) == 0 {
		return nil
	}
	return found[0]
}

func halfMessageIsNotVisible(t *testing.T, on *World) {
	id := newID()
	answer := on.must(on.request(message{
		body: "half", sysFlag: remoting.FlagPrepared,
		properties: map[string]string{"TRAN_MSG": "true", "PGROUP": on.group, "UNIQ_KEY": id, "HOLDFAST_TXN": "t-1"},
	}))
	require.Equal(t, id, answer.Ext["transactionId"])
	require.Empty(t, on.stored(on.topic))

	on.eventually(func() bool { return on.half(id) != nil }, "the half is stored")
	half := on.half(id)
	require.Equal(t, "half", string(half.Body))
	require.Equal(t, on.topic, half.Properties["REAL_TOPIC"])
	require.Equal(t, "0", half.Properties["REAL_QID"])
	require.Equal(t, "t-1", half.Properties["HOLDFAST_TXN"])
	require.Equal(t, id, half.Properties["__transactionId__"])

	time.Sleep(shortly)
	require.Empty(t, on.stored(on.topic))
	require.Empty(t, on.found(id))
}

// A message that a consumer was given after a commit carries TRAN_MSG. Sent on as it is, by a
// producer that means nothing by it, it is answered SEND_OK, and nobody ever sees it.
func copyOfACommittedMessageIsAHalfAgain(t *testing.T, on *World) {
	id := newID()
	on.mustSend(message{body: "forwarded", properties: map[string]string{"TRAN_MSG": "true", "PGROUP": on.group, "__transactionId__": id, "UNIQ_KEY": id}})
	on.eventually(func() bool { return on.half(id) != nil }, "it is a half")
	require.Empty(t, on.stored(on.topic))
}
