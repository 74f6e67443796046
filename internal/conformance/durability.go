package conformance

import (
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// What an answer says about flush and replicas. A message that is found is stored, no more.
var durability = []Scenario{
	{Name: "FlushStalled", Queues: 1, Alone: true, Run: flushStalled},
	{Name: "SlaveAway", On: Replicated, Queues: 1, Alone: true, Run: slaveAway},
}

func flushStalled(t *testing.T, on *World) {
	p := on.producer()
	require.NoError(t, on.StallFlush(on.soon()))
	defer func() { require.NoError(t, on.ResumeFlush(on.soon())) }()

	var id string
	var answer *remoting.Command
	on.eventually(func() bool { // a disk may still be faster than the shortest timeout
		id = newID()
		answer = on.send(message{body: "not flushed", properties: map[string]string{"UNIQ_KEY": id}})
		return answer.Code != remoting.Success
	}, "a flush that is late")
	require.Equal(t, remoting.FlushDiskTimeout, answer.Code, answer.Remark)
	require.NotEmpty(t, on.where(answer).MsgID, "it says where, all the same")
	on.mustSend(message{body: "waits for nothing", properties: map[string]string{"WAIT": "false"}})
	var result *primitive.SendResult
	on.eventually(func() bool {
		var err error
		result, err = p.SendSync(on.soon(), on.official("official"))
		require.NoError(t, err)
		return result.Status != primitive.SendOK
	}, "a flush that is late")
	require.Equal(t, primitive.SendFlushDiskTimeout, result.Status)

	on.eventually(func() bool { return len(on.found(id)) == 1 }, "found, though not flushed")
	require.Subset(t, bodies(on.stored(on.topic)), []string{"not flushed", "waits for nothing", "official"})
	require.NoError(t, on.ResumeFlush(on.soon()))

	later := on.mustSend(message{body: "flushed"})
	require.Greater(t, on.logOffset(later), on.logOffset(on.where(answer)), "and so is all before it")
}

func (on *World) logOffset(where remoting.SendMessageResponse) int64 {
	on.t.Helper()
	_, offset, err := remoting.ParseOffsetMsgID(where.MsgID)
	require.NoError(on.t, err)
	return offset
}

// SEND_OK for a message means that the slave has it, and everything before it in the log.
func slaveAway(t *testing.T, on *World) {
	p := on.producer()
	on.mustSend(message{body: "replicated"})
	require.NoError(t, on.StopSlave(on.soon()))
	id := newID()
	answer := on.send(message{body: "not replicated", properties: map[string]string{"UNIQ_KEY": id}})
	hasty := on.send(message{body: "waits for nothing", properties: map[string]string{"WAIT": "false"}})
	require.Equal(t, remoting.FlushSlaveTimeout, answer.Code, answer.Remark)
	require.Equal(t, remoting.Success, hasty.Code, hasty.Remark)
	on.eventually(func() bool { return len(on.found(id)) == 1 }, "found, though not replicated")
	status, err := on.client.HAStatus(on.soon(), on.broker)
	require.NoError(t, err)
	require.Zero(t, status.InSyncSlaveNums)
	result, err := p.SendSync(on.soon(), on.official("official"))
	require.True(t, err != nil || result.Status == primitive.SendFlushSlaveTimeout, "its own patience is 3 s, as the broker's is by default")

	require.NoError(t, on.StartSlave(on.soon()))
	var later remoting.SendMessageResponse
	on.eventually(func() bool {
		answer := on.send(message{body: "later"})
		later = on.where(answer)
		return answer.Code == remoting.Success
	}, "SEND_OK again")
	status, err = on.client.HAStatus(on.soon(), on.broker)
	require.NoError(t, err)
	require.Len(t, status.Connections, 1)
	require.Greater(t, status.Connections[0].SlaveAckOffset, on.logOffset(later))
	require.Greater(t, on.logOffset(later), on.logOffset(on.where(answer)))
}
