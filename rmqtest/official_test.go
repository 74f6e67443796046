package rmqtest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

// officialProducer is the official client's producer, as its own examples make one, but under
// an instance name of its own.
func officialProducer(t *testing.T, c *rmqtest.Cluster, opts ...producer.Option) rocketmq.Producer {
	t.Helper()
	p, err := rocketmq.NewProducer(append([]producer.Option{
		producer.WithNameServer(c.Holdfast().NameServers),
		producer.WithGroupName("producers"),
		producer.WithInstanceName(uuid.NewString()),
		producer.WithRetry(0),
	}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })
	return p
}

func TestOfficialProducer(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := officialProducer(t, c)

	one, err := p.SendSync(soon(t), primitive.NewMessage("orders", []byte("one")).WithTag("new").WithKeys([]string{"k1", "k2"}))
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, one.Status)

	stored := c.Messages("orders")
	require.Len(t, stored, 1)
	require.Equal(t, "one", string(stored[0].Body))
	require.Equal(t, "new", stored[0].Tags)
	require.Equal(t, "k1 k2", stored[0].Keys)
	require.Equal(t, one.MsgID, stored[0].UniqueKey)
	require.Equal(t, one.OffsetMsgID, stored[0].OffsetMsgID)
	require.Equal(t, one.QueueOffset, stored[0].QueueOffset)
	require.Equal(t, one.MessageQueue.QueueId, stored[0].QueueID)
	require.Equal(t, "DefaultRegion", one.RegionID)

	big := make([]byte, 100_000) // over the client's limit for compression
	_, err = p.SendSync(soon(t), primitive.NewMessage("orders", big))
	require.NoError(t, err)
	require.Contains(t, bodies(c.Messages("orders")), string(big))
}

func TestOfficialBatch(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := officialProducer(t, c)

	var batch []*primitive.Message
	for i := range 5 {
		batch = append(batch, primitive.NewMessage("orders", fmt.Appendf(nil, "m%d", i)).WithTag("t"))
	}
	result, err := p.SendSync(soon(t), batch...)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)

	stored := c.Messages("orders")
	require.Equal(t, []string{"m0", "m1", "m2", "m3", "m4"}, bodies(stored))
	ids := ""
	for i, m := range stored {
		require.EqualValues(t, i, m.QueueOffset)
		require.Equal(t, "t", m.Tags)
		if i > 0 {
			ids += ","
		}
		ids += m.OffsetMsgID
	}
	require.Equal(t, ids, result.OffsetMsgID)
}

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

func (l *collector) bodies() []string {
	var list []string
	for _, m := range l.all() {
		list = append(list, string(m.Body))
	}
	return list
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
