package rmqtest_test

import (
	"fmt"
	"testing"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
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
