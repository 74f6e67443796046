//go:build !race

package rmqtest_test

// The official push consumer has data races of its own: its subscriptions while it starts, the
// tree of an orderly queue. So these tests run without -race; that the brokers have none is
// shown by the tests that pull and heartbeat with our own client.

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

var everything = consumer.MessageSelector{Type: consumer.TAG, Expression: "*"}

// collector is a listener that remembers what it was given.
type collector struct {
	mu   sync.Mutex
	seen []*primitive.MessageExt
}

func (l *collector) add(msgs ...*primitive.MessageExt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, msgs...)
}

func (l *collector) all() []*primitive.MessageExt {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*primitive.MessageExt(nil), l.seen...)
}

func officialConsumer(t *testing.T, c *rmqtest.Cluster, group, topic string, selector consumer.MessageSelector,
	f func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error), opts ...consumer.Option) rocketmq.PushConsumer {
	t.Helper()
	pc, err := rocketmq.NewPushConsumer(append([]consumer.Option{
		consumer.WithNameServer(c.Holdfast().NameServers),
		consumer.WithGroupName(group),
		consumer.WithInstance(uuid.NewString()),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, pc.Subscribe(topic, selector, f))
	require.NoError(t, pc.Start())
	t.Cleanup(func() { _ = pc.Shutdown() })
	return pc
}

func TestOfficialConsumer(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 2)
	p := officialProducer(t, c)
	for i := range 20 {
		_, err := p.SendSync(soon(t), primitive.NewMessage("orders", fmt.Appendf(nil, "m%d", i)).WithTag([]string{"a", "b"}[i%2]))
		require.NoError(t, err)
	}

	var got collector
	officialConsumer(t, c, "readers", "orders", consumer.MessageSelector{Type: consumer.TAG, Expression: "a"},
		func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			got.add(msgs...)
			return consumer.ConsumeSuccess, nil
		})
	eventually(t, func() bool { return len(got.all()) == 10 }, "everything stored before")

	_, err := p.SendSync(soon(t), primitive.NewMessage("orders", []byte("late")).WithTag("a"))
	require.NoError(t, err)
	eventually(t, func() bool { return len(got.all()) == 11 }, "what is stored later wakes the long poll")
	for _, m := range got.all() {
		require.Equal(t, "a", m.GetTags())
	}
}

func TestOfficialConsumerRetriesIntoDeadLetters(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	c.CreateTopic("orders", 1)
	c.CreateGroup("readers")
	p := officialProducer(t, c)
	sent, err := p.SendSync(soon(t), primitive.NewMessage("orders", []byte("poison")))
	require.NoError(t, err)

	var got collector
	officialConsumer(t, c, "readers", "orders", everything,
		func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			got.add(msgs...)
			return consumer.ConsumeRetryLater, nil
		}, consumer.WithMaxReconsumeTimes(2))
	eventually(t, func() bool { return len(c.Messages("%DLQ%readers")) == 1 }, "the dead letter")

	seen := got.all()
	require.Len(t, seen, 3, "once, and two retries")
	for i, m := range seen {
		require.Equal(t, "orders", m.Topic)
		require.Equal(t, sent.MsgID, m.MsgId)
		require.EqualValues(t, i, m.ReconsumeTimes)
	}
	dead := c.Messages("%DLQ%readers")[0]
	require.Equal(t, "poison", string(dead.Body))
	require.Equal(t, 3, dead.ReconsumeTimes)
	require.Equal(t, "orders", dead.Properties["RETRY_TOPIC"])
	require.Equal(t, sent.OffsetMsgID, dead.Properties["ORIGIN_MESSAGE_ID"])
	require.Equal(t, sent.MsgID, dead.UniqueKey)
	require.Len(t, c.Messages("%RETRY%readers"), 2)
	require.Len(t, c.Messages("SCHEDULE_TOPIC_XXXX"), 2)
}

func TestOfficialConsumerInOrder(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 2)
	p := officialProducer(t, c)
	const keys, perKey = 3, 10
	for i := range perKey {
		for key := range keys {
			m := primitive.NewMessage("orders", fmt.Appendf(nil, "%d", i)).WithShardingKey(fmt.Sprint("k", key))
			_, err := p.SendSync(soon(t), m)
			require.NoError(t, err)
		}
	}

	var got collector
	var failed sync.Map
	officialConsumer(t, c, "readers", "orders", everything,
		func(ctx context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			if _, again := failed.LoadOrStore(msgs[0].MsgId, true); !again && string(msgs[0].Body) == "3" {
				orderly, _ := primitive.GetOrderlyCtx(ctx)
				orderly.SuspendCurrentQueueTimeMillis = 1
				return consumer.SuspendCurrentQueueAMoment, nil
			}
			got.add(msgs...)
			return consumer.ConsumeSuccess, nil
		}, consumer.WithConsumerOrder(true))
	eventually(t, func() bool { return len(got.all()) == keys*perKey }, "everything")

	byQueue := map[int][]int64{}
	for _, m := range got.all() {
		byQueue[m.Queue.QueueId] = append(byQueue[m.Queue.QueueId], m.QueueOffset)
	}
	for queue, offsets := range byQueue {
		require.True(t, slices.IsSorted(offsets), "queue %d: %v", queue, offsets)
	}
}

func TestOfficialConsumersShareQueues(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 4)
	p := officialProducer(t, c)
	var first, second collector
	take := func(l *collector) func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		return func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			l.add(msgs...)
			return consumer.ConsumeSuccess, nil
		}
	}
	one := officialConsumer(t, c, "readers", "orders", everything, take(&first))
	officialConsumer(t, c, "readers", "orders", everything, take(&second))

	cl := client(t, c)
	eventually(t, func() bool {
		group, err := cl.ConsumerConnections(soon(t), c.Brokers()[0].Addr(), "readers")
		return err == nil && len(group.Connections) == 2
	}, "both are members")

	// The first gives up queues when it is told of the second, and each message goes to one.
	send := func(prefix string, until func() bool) {
		deadline := time.Now().Add(patience)
		for i := 0; !until(); i++ {
			require.True(t, time.Now().Before(deadline), "%s: %d and %d messages", prefix, len(first.all()), len(second.all()))
			_, err := p.SendSync(soon(t), primitive.NewMessage("orders", fmt.Appendf(nil, "%s%d", prefix, i)))
			require.NoError(t, err)
		}
	}
	send("shared", func() bool { return len(first.all()) > 0 && len(second.all()) > 0 })

	// When one leaves, the other is told and takes over everything.
	require.NoError(t, one.Shutdown())
	eventually(t, func() bool {
		group, err := cl.ConsumerConnections(soon(t), c.Brokers()[0].Addr(), "readers")
		return err == nil && len(group.Connections) == 1
	}, "one is left")
	had := map[int]bool{}
	send("taken over", func() bool {
		for _, m := range second.all() {
			had[m.Queue.QueueId] = true
		}
		return len(had) == 4
	})
}

func TestOfficialRequestAndReply(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("questions", 1)
	answering := officialProducer(t, c)
	replied := make(chan error, 1)
	asking := officialProducer(t, c, producer.WithGroupName("askers"))
	officialConsumer(t, c, "readers", "questions", everything,
		func(_ context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
			reply, err := consumer.CreateReplyMessage(msgs[0], nil)
			if err != nil {
				return consumer.ConsumeRetryLater, err
			}
			reply.Body = append([]byte("re: "), msgs[0].Body...)
			result, err := answering.SendSync(context.Background(), reply)
			if err == nil && result.Status != primitive.SendOK {
				err = fmt.Errorf("status %d", result.Status)
			}
			replied <- err
			return consumer.ConsumeSuccess, nil
		})
	cl := client(t, c)
	// The asking client is known to the broker by its heartbeat, a second after its start.
	_, err := asking.SendSync(soon(t), primitive.NewMessage("other", []byte("x")))
	require.NoError(t, err)
	eventually(t, func() bool {
		group, err := cl.ProducerConnections(soon(t), c.Brokers()[0].Addr(), "askers")
		return err == nil && len(group.Connections) == 1
	}, "the asking client is known")

	answer, err := asking.Request(soon(t), patience, primitive.NewMessage("questions", []byte("why")))
	require.NoError(t, err)
	require.Equal(t, "re: why", string(answer.Body))
	require.NoError(t, <-replied)
	require.Equal(t, []string{"re: why"}, bodies(c.Messages("DefaultCluster_REPLY_TOPIC")))
}
