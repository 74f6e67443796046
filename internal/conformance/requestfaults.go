package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Faults of single requests. They are scripted, so on a real broker these scenarios are about
// what it has stored when the answer says otherwise, and about the official client.
var requestFaults = []Scenario{
	{Name: "AnswerLost", Queues: 1, Run: answerLost},
	{Name: "RequestLost", Queues: 1, Run: requestLost},
	{Name: "CutAfterTheStore", Queues: 1, Run: cutAfterTheStore},
	{Name: "CutBeforeTheStore", Queues: 1, Run: cutBeforeTheStore},
	{Name: "SlowBroker", Queues: 1, Run: slowBroker},
	{Name: "AnswerLate", Queues: 1, Run: answerLate},
	{Name: "RefusedByCode", Queues: 1, Run: refusedByCode},
	{Name: "StoredButNotDurable", Queues: 1, Run: storedButNotDurable},
	{Name: "BatchAnswerLost", Queues: 1, Run: batchAnswerLost},
	{Name: "RouteLost", Queues: 1, Run: routeLost},
}

// requireSilence sends a message that is not answered, and returns its id.
func (on *World) requireSilence(sent func() int) string {
	on.t.Helper()
	id := newID()
	_, err := on.client.Call(on.within(shortly), on.broker, on.request(message{body: "x", properties: map[string]string{"UNIQ_KEY": id}}))
	var transport *remoting.TransportError
	require.ErrorAs(on.t, err, &transport)
	require.True(on.t, transport.Sent)
	require.ErrorIs(on.t, err, context.DeadlineExceeded)
	require.Equal(on.t, 1, sent())
	return id
}

// Stored once, it is found under its id; sent again, it is stored a second time under the
// same.
func answerLost(t *testing.T, on *World) {
	id := on.requireSilence(on.script(fault.Send, fault.DropResponse(), 1))
	on.eventually(func() bool { return len(on.found(id)) == 1 }, "found by its id")
	require.Equal(t, on.stored(on.topic), on.found(id))
	on.mustSend(message{body: "x", properties: map[string]string{"UNIQ_KEY": id}})
	require.Len(t, on.stored(on.topic), 2)

	on.script(fault.Send, fault.DropResponse(), 1)
	_, err := on.producer().SendSync(on.within(time.Second), on.official("official"))
	require.ErrorContains(t, err, "request timeout")
	require.Contains(t, bodies(on.stored(on.topic)), "official")
}

func requestLost(t *testing.T, on *World) {
	id := on.requireSilence(on.script(fault.Send, fault.DropRequest(), 1))
	require.Empty(t, on.stored(on.topic))
	require.Empty(t, on.found(id))
	on.mustSend(message{body: "x", properties: map[string]string{"UNIQ_KEY": id}})
	require.Len(t, on.stored(on.topic), 1)
}

func (on *World) requireCut(action fault.Action) {
	on.t.Helper()
	on.script(fault.Send, action, 1)
	_, err := on.client.Call(on.soon(), on.broker, on.request(message{body: "cut"}))
	var transport *remoting.TransportError
	require.ErrorAs(on.t, err, &transport)
	require.True(on.t, transport.Sent)
	require.NotErrorIs(on.t, err, context.DeadlineExceeded)
}

func cutAfterTheStore(t *testing.T, on *World) {
	on.requireCut(fault.CloseAfter())
	on.mustSend(message{body: "after"})
	require.Equal(t, []string{"cut", "after"}, bodies(on.stored(on.topic)))
}

func cutBeforeTheStore(t *testing.T, on *World) {
	on.requireCut(fault.CloseBefore())
	on.mustSend(message{body: "after"})
	require.Equal(t, []string{"after"}, bodies(on.stored(on.topic)))
}

// A caller that gave up does not take its request back.
func slowBroker(t *testing.T, on *World) {
	on.requireSilence(on.script(fault.Send, fault.Delay(2*shortly, fault.Pass()), 1))
	on.mustSend(message{body: "not held up"})
	on.eventually(func() bool { return len(on.stored(on.topic)) == 2 }, "stored late")
	require.Equal(t, []string{"not held up", "x"}, bodies(on.stored(on.topic)))
}

func answerLate(t *testing.T, on *World) {
	on.requireSilence(on.script(fault.Send, fault.AnswerLate(2*shortly), 1))
	require.Len(t, on.stored(on.topic), 1)
	on.mustSend(message{body: "after"})
	time.Sleep(2 * shortly)
	on.mustSend(message{body: "the late answer went nowhere"})
}

func refusedByCode(t *testing.T, on *World) {
	p := on.producer()
	for _, code := range []int{
		remoting.SystemError, remoting.SystemBusy, remoting.MessageIllegal, remoting.ServiceNotAvailable,
		remoting.NoPermission, remoting.TopicNotExist, remoting.FlowControl, 999,
	} {
		on.script(fault.Send, fault.Answer(code, "because"), 1)
		_, err := p.SendSync(on.soon(), on.official("refused"))
		require.EqualError(t, err, fmt.Sprintf("CODE: %d, DESC: because", code))
	}
	require.Empty(t, on.stored(on.topic))
}

// The official client calls these a success.
func storedButNotDurable(t *testing.T, on *World) {
	p := on.producer()
	for code, status := range map[int]primitive.SendStatus{
		remoting.FlushDiskTimeout: primitive.SendFlushDiskTimeout, remoting.SlaveNotAvailable: primitive.SendSlaveNotAvailable,
		remoting.FlushSlaveTimeout: primitive.SendFlushSlaveTimeout,
	} {
		on.script(fault.Send, fault.AnswerAfterStore(code, "late"), 1)
		result, err := p.SendSync(on.soon(), on.official("stored"))
		require.NoError(t, err)
		require.Equal(t, status, result.Status)
		require.NotEmpty(t, result.OffsetMsgID)
	}
	require.Len(t, on.stored(on.topic), 3)
}

// One look-up decides for a batch: where one message is, all are.
func batchAnswerLost(t *testing.T, on *World) {
	var entries []remoting.BatchMessage
	var ids []string
	for _, body := range numbered(10) {
		ids = append(ids, newID())
		entries = append(entries, entry(body, map[string]string{"UNIQ_KEY": ids[len(ids)-1]}))
	}
	on.script(fault.Send, fault.DropResponse(), 1)
	_, err := on.client.Call(on.within(shortly), on.broker, on.batch(message{}, entries...))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	on.eventually(func() bool { return len(on.found(ids[0])) == 1 }, "the first is found")
	require.Equal(t, numbered(10), bodies(on.stored(on.topic)))
	for _, id := range ids {
		on.eventually(func() bool { return len(on.found(id)) == 1 }, "each is found")
	}
}

func routeLost(t *testing.T, on *World) {
	on.script(fault.Route, fault.DropResponse(), 1)
	_, err := on.client.Route(on.within(shortly), on.topic)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	on.script(fault.Route, fault.CloseBefore(), 1)
	_, err = on.client.Route(on.soon(), on.topic)
	require.Error(t, err)
	_, err = on.client.Route(on.soon(), on.topic)
	require.NoError(t, err)
}
