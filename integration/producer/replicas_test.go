package producer_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/producer"
)

func TestMasterAndSlave(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{Flavour: cluster.MasterSlave})
	inTurn(t, c,
		scenario{"SlaveAwayAcknowledgesNothing", slaveAwayAcknowledgesNothing},
		scenario{"FoundIsNotReplicated", foundIsNotReplicated},
	)
}

// The slave is gone. By default the master waits as long for it as the official client waits
// for the master: 3 s. No send is acknowledged, though each message is stored, and found. Once
// the slave is back sends succeed, and what was found is as good as acknowledged.
func slaveAwayAcknowledgesNothing(on *world) {
	const atOnce, inTurn = 64, 3
	p := on.producer(producer.WithAttempts(3))
	on.mustSend(p, on.order("before"))
	require.NoError(on, on.cluster.Slave().Kill())

	var r record
	r.note("before", acknowledged)
	var mu sync.Mutex
	messages := map[string]*primitive.Message{}
	send := func(p *producer.Producer, id string) error {
		msg := on.order(id)
		_, err := p.Send(on.soon(), msg)
		r.note(id, outcomeOf(err))
		mu.Lock()
		defer mu.Unlock()
		messages[id] = msg
		return err
	}
	var wg sync.WaitGroup
	for i := range atOnce {
		wg.Go(func() { _ = send(p, fmt.Sprint("at-once-", i)) })
	}
	impatient := on.producer(producer.WithAttempts(1))
	wg.Go(func() {
		for i := range inTurn {
			_ = send(impatient, fmt.Sprint("in-turn-", i))
		}
	})
	wg.Wait()
	require.Equal(on, atOnce+inTurn, r.count(unknown), "none is acknowledged, none is said not to be stored")

	// A master that answers in time says so itself.
	on.configure("slaveTimeout", "1000")
	for i := range 3 {
		err := send(p, fmt.Sprint("in-time-", i))
		notDurable := (*holdfast.NotDurableError)(nil)
		require.True(on, errors.As(err, &notDurable), "%v", err)
		require.Equal(on, primitive.SendFlushSlaveTimeout, notDurable.Status)
	}

	for id, msg := range messages {
		resolution, _ := on.resolve(p, uniqueKey(msg))
		require.Equal(on, producer.Found, resolution, "%s is found, and not durable", id)
	}

	require.NoError(on, on.cluster.Slave().Restart(on.soon()))
	for i := range 3 {
		id := fmt.Sprint("after-", i)
		require.NoError(on, send(p, id))
		delete(messages, id)
	}
	for id, msg := range messages {
		resolution, result := on.resolve(p, uniqueKey(msg))
		require.Equal(on, producer.FoundDurable, resolution, "%s is under the cover of those after", id)
		on.requireOnSlave(result)
	}
	f := on.requireTruth(&r)
	require.Equal(on, atOnce+inTurn+3, f.recovered)
}

// The slave stands still while a message is sent. Another that is acknowledged later lies
// behind it in the log: the slave has both.
func foundIsNotReplicated(on *world) {
	p := on.producer(producer.WithAttempts(1))
	on.untilSent(p, on.order("before"))
	require.NoError(on, on.cluster.Slave().Pause())
	on.Cleanup(func() { _ = on.cluster.Slave().Resume() })

	msg := on.order("meanwhile")
	_, err := p.Send(on.soon(), msg)
	require.Equal(on, unknown, outcomeOf(err), "%v", err)
	resolution, found := on.resolve(p, uniqueKey(msg))
	require.Equal(on, producer.Found, resolution)
	require.Less(on, on.slaveHas(), on.offsetOf(found)+1)

	require.NoError(on, on.cluster.Slave().Resume())
	cover := on.untilSent(p, on.order("cover"))
	require.Greater(on, on.offsetOf(cover), on.offsetOf(found))
	require.Greater(on, on.slaveHas(), on.offsetOf(cover))
	on.requireOnSlave(found)
	resolution, _ = on.resolve(p, uniqueKey(msg))
	require.Equal(on, producer.FoundDurable, resolution)
	require.Len(on, on.copies("meanwhile"), 1)
}

// slaveHas is how far into the log the slave has told the master that it is.
func (on *world) slaveHas() int64 {
	on.Helper()
	status, err := on.client.HAStatus(on.soon(), on.cluster.Master(0).Address())
	require.NoError(on, err)
	require.Len(on, status.Connections, 1)
	return status.Connections[0].SlaveAckOffset
}

// requireOnSlave reads a message from the slave's own log.
func (on *world) requireOnSlave(result *primitive.SendResult) {
	on.Helper()
	answer, err := on.client.Do(on.soon(), on.cluster.Slave().Address(),
		remoting.NewRequest(remoting.ViewMessageByID, remoting.ViewMessageHeader{Offset: on.offsetOf(result)}, nil))
	require.NoError(on, err)
	messages, err := remoting.DecodeMessages(answer.Body)
	require.NoError(on, err)
	require.Len(on, messages, 1)
	require.Equal(on, result.MsgID, messages[0].UniqueKey())
}
