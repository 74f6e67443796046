package consumer

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func progressOf(t *testing.T, c *Consumer) *progress {
	t.Helper()
	require.NoError(t, c.Handle("orders", "*", nothing))
	require.NoError(t, c.enter())
	return c.newProgress()
}

// A queue that has messages and acknowledges none for five minutes is reported once, and again
// only after it has moved.
func TestAQueueThatStandsStillIsReported(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := progressOf(t, made(t, WithLogger(slog.New(slog.NewTextHandler(&log, nil)))))
	queue, begun := remoting.Queue{Topic: "orders", Broker: "broker-a", ID: 3}, time.Now()
	at := func(after time.Duration, acknowledged, end int64) string {
		log.Reset()
		p.lookAtQueue(queue, acknowledged, end, begun.Add(after))
		return log.String()
	}
	require.Empty(t, at(0, 7, 10))
	require.Empty(t, at(stalledAfter-time.Second, 7, 20))
	report := at(stalledAfter, 7, 20)
	require.Contains(t, report, "does not advance")
	require.Contains(t, report, "queue=3")
	require.Contains(t, report, "behind=13")
	require.Empty(t, at(2*stalledAfter, 7, 20), "once")
	require.Empty(t, at(3*stalledAfter, 8, 20), "it moves")
	require.NotEmpty(t, at(4*stalledAfter, 8, 20))
	require.Empty(t, at(5*stalledAfter, 20, 20), "done")
	require.Empty(t, at(7*stalledAfter, 20, 20), "nothing to do is no stall")
}

// A topic is reported when all of its places are taken at two looks in a row.
func TestATopicWithoutAPlaceIsReported(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := made(t, WithLogger(slog.New(slog.NewTextHandler(&log, nil))), WithConcurrency(3))
	p := progressOf(t, c)
	for i := range int64(3) {
		require.Empty(t, log.String())
		p.lookAtPlaces()
		c.engine.inflight.begin(&handling{at: position{queue: queue{broker: "broker-a", topic: "orders"}, offset: i}})
	}
	p.lookAtPlaces()
	require.Empty(t, log.String(), "it may be a moment")
	p.lookAtPlaces()
	require.Contains(t, log.String(), "every place of a topic is taken")
}

// Lag is what the group has not acknowledged, in all queues of the topic.
func TestLagIsWhatTheGroupHasNotAcknowledged(t *testing.T) {
	t.Parallel()
	cluster := rmqtest.New(t)
	cluster.CreateTopic("orders", 2)
	cluster.CreateGroup("billing")
	client := remoting.NewClient(cluster.Holdfast())
	defer client.Close()
	broker := cluster.Brokers()[0].Addr()
	for i := range 10 {
		_, err := client.Do(t.Context(), broker, remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
			ProducerGroup: "shop", Topic: "orders", QueueID: i % 2, Properties: remoting.EncodeProperties(map[string]string{"UNIQ_KEY": uuid.NewString()}),
		}, []byte("x")))
		require.NoError(t, err)
	}
	_, err := client.Do(t.Context(), broker, remoting.NewRequest(remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{
		ConsumerGroup: "billing", Topic: "orders", QueueID: 1, CommitOffset: 3,
	}, nil))
	require.NoError(t, err)

	c, err := New(cluster.Holdfast(), "billing", WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	p := progressOf(t, c)
	defer c.closeRetries()
	behind, ok := p.lookAtTopic(t.Context(), "orders")
	require.True(t, ok)
	require.EqualValues(t, 5+2, behind)

	cluster.Brokers()[0].Stop()
	_, ok = p.lookAtTopic(t.Context(), "orders")
	require.False(t, ok, "not known is not zero")
}
