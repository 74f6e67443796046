package conformance

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// The official client's producer, unmodified.
var producers = []Scenario{
	{Name: "OfficialSend", Queues: 2, Run: officialSend},
	{Name: "OfficialSendCreatesTheTopic", Run: officialSendCreatesTheTopic},
	{Name: "OfficialSendOfALargeBody", Queues: 1, Run: officialSendOfALargeBody},
	{Name: "OfficialBatch", Queues: 2, Run: officialBatch},
	{Name: "OfficialAsync", Queues: 1, Run: officialAsync},
	{Name: "OfficialOneWay", Queues: 1, Run: officialOneWay},
	{Name: "OfficialDelay", Queues: 1, Run: officialDelay},
}

func officialSend(t *testing.T, on *World) {
	m := on.official("one").WithTag("paid").WithKeys([]string{"k1", "k2"})
	m.WithProperty("own", "✓")
	result, err := on.producer().SendSync(on.soon(), m)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)

	stored := on.storedOne(on.topic)
	require.Equal(t, "one", string(stored.Body))
	require.Equal(t, result.MsgID, stored.UniqueKey())
	require.Equal(t, result.OffsetMsgID, stored.OffsetMsgID())
	require.Equal(t, result.QueueOffset, stored.QueueOffset)
	require.Equal(t, result.MessageQueue.QueueId, stored.QueueID)
	require.Equal(t, result.TransactionID, stored.UniqueKey())
	require.Equal(t, "DefaultRegion", result.RegionID)
	require.Equal(t, "k1 k2", stored.Properties["KEYS"])
	require.Equal(t, "paid", stored.Properties["TAGS"])
	require.Equal(t, "✓", stored.Properties["own"])
}

func officialSendCreatesTheTopic(t *testing.T, on *World) {
	_, err := on.producer().SendSync(on.soon(), on.official("first"))
	require.NoError(t, err)
	require.Equal(t, []string{"first"}, bodies(on.stored(on.topic)))
}

func officialSendOfALargeBody(t *testing.T, on *World) {
	body := strings.Repeat("orders ", 100_000)
	_, err := on.producer().SendSync(on.soon(), on.official(body))
	require.NoError(t, err)
	payload, err := on.storedOne(on.topic).Payload()
	require.NoError(t, err)
	require.Equal(t, body, string(payload))
}

func officialBatch(t *testing.T, on *World) {
	var batch []*primitive.Message
	for _, body := range numbered(5) {
		batch = append(batch, on.official(body).WithTag("t"))
	}
	result, err := on.producer().SendSync(on.soon(), batch...)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)
	stored := on.stored(on.topic)
	require.Equal(t, numbered(5), bodies(stored))
	var ids []string
	for i, m := range stored {
		require.EqualValues(t, i, m.QueueOffset)
		require.Equal(t, "t", m.Properties["TAGS"])
		ids = append(ids, m.OffsetMsgID())
	}
	require.Equal(t, strings.Join(ids, ","), result.OffsetMsgID)
}

func officialAsync(t *testing.T, on *World) {
	type outcome struct {
		result *primitive.SendResult
		err    error
	}
	done := make(chan outcome, 1)
	require.NoError(t, on.producer().SendAsync(on.soon(), func(_ context.Context, r *primitive.SendResult, err error) {
		done <- outcome{r, err}
	}, on.official("async")))
	got := <-done
	require.NoError(t, got.err)
	require.Equal(t, got.result.MsgID, on.storedOne(on.topic).UniqueKey())
}

func officialOneWay(t *testing.T, on *World) {
	require.NoError(t, on.producer().SendOneWay(on.soon(), on.official("one way")))
	require.Equal(t, "one way", string(on.storedOne(on.topic).Body))
}

func officialDelay(t *testing.T, on *World) {
	result, err := on.producer().SendSync(on.soon(), on.official("later").WithDelayTimeLevel(2))
	require.NoError(t, err)
	require.Equal(t, "later", string(on.storedOne(on.topic).Body))
	require.NotEqual(t, result.OffsetMsgID, on.storedOne(on.topic).OffsetMsgID(), "it waited elsewhere")
}
