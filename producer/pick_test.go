package producer_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// permit creates a topic of 2 queues on every broker with that permission.
func permit(t *testing.T, c *rmqtest.Cluster, perm int) {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	for _, b := range c.Brokers() {
		require.NoError(t, client.CreateTopic(soon(t), b.Addr(), remoting.CreateTopicHeader{
			Topic: topic, ReadQueueNums: 2, WriteQueueNums: 2, Perm: perm, TopicFilterType: "SINGLE_TAG",
		}))
	}
}

// With no queue to send to nothing is sent, and nothing is in doubt.
func TestTopicClosedForWritesIsNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	permit(t, c, remoting.PermRead)
	p := start(t, c, producer.WithAttempts(2))
	for _, msg := range []*primitive.Message{order("o-1"), orderOf("customer", "o-2")} {
		_, err := p.Send(soon(t), msg)
		require.Error(t, err)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	require.Empty(t, c.Messages(topic))
}

// A topic that is opened for writes between two attempts takes the message.
func TestTopicOpenedBetweenAttempts(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	permit(t, c, remoting.PermRead)
	p := start(t, c, producer.WithAttempts(1000), producer.WithBackoff(20*time.Millisecond, 20*time.Millisecond))
	routes := c.Inject(rmqtest.Route, rmqtest.Pass(), 0)
	done := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), order("o-1")); done <- err }()
	eventually(t, func() bool { return routes.Hits() >= 2 }, "no queue was found")
	permit(t, c, remoting.PermRead|remoting.PermWrite)
	require.NoError(t, <-done)
	require.Len(t, c.Messages(topic), 1)
}

// A topic whose queues became fewer: keys move to those that are left.
func TestKeysMoveWhenQueuesAreTakenAway(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic(topic, 8)
	p := start(t, c, producer.WithAttempts(1))
	for i := range 20 {
		mustSend(t, p, orderOf(fmt.Sprint("customer-", i), "o"))
	}
	c.CreateTopic(topic, 1)
	for i := range 20 {
		eventually(t, func() bool { _, err := p.Send(soon(t), orderOf(fmt.Sprint("customer-", i), "o")); return err == nil }, "customer %d", i)
	}
}

// A queue that does not exist takes nothing.
func TestQueueOutOfRangeIsNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic(topic, 2)
	p := start(t, c)
	msg := order("o-1")
	msg.Queue = &primitive.MessageQueue{BrokerName: "broker-a", QueueId: 2}
	_, err := p.Send(soon(t), msg)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 29})
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Empty(t, c.Messages(topic))
}

// A queue of no broker fails its message, and no other.
func TestQueueWithoutBrokerHarmsNoOtherMessage(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithAttempts(1))
	msg := order("o-1")
	msg.Queue = &primitive.MessageQueue{}
	_, err := p.Send(soon(t), msg)
	require.Error(t, err)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	mustSend(t, p, order("o-2"))
}

// panicky is a selector with a bug.
type panicky struct{}

func (panicky) Select(*primitive.Message, []*primitive.MessageQueue, string) *primitive.MessageQueue {
	panic("user code")
}

func TestSelectorMayPanic(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithQueueSelector(panicky{}))
	_, err := p.Send(soon(t), order("o-1"))
	require.ErrorContains(t, err, "user code")
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Zero(t, p.InFlight())
	require.NoError(t, p.Close(soon(t)))
}
