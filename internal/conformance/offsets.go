package conformance

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var offsets = []Scenario{
	{Name: "OffsetsOfQueues", Queues: 2, Run: offsetsOfQueues},
	{Name: "OffsetByTime", Queues: 1, Run: offsetByTime},
	{Name: "CommittedOffset", Queues: 1, Run: committedOffset},
	{Name: "OffsetOfANewGroup", Queues: 2, Run: offsetOfANewGroup},
	{Name: "ConsumeStats", Queues: 2, Run: consumeStats},
	{Name: "TopicStats", Queues: 2, Run: topicStats},
}

// committed is the group's offset in queue 0.
func (on *World) committed() int64 {
	on.t.Helper()
	return on.offset(on.call(remoting.QueryConsumerOffset, remoting.QueryConsumerOffsetHeader{ConsumerGroup: on.group, Topic: on.topic}, nil))
}

func (on *World) offset(answer *remoting.Command) int64 {
	on.t.Helper()
	require.Equal(on.t, remoting.Success, answer.Code, answer.Remark)
	var o remoting.OffsetResponse
	require.NoError(on.t, remoting.DecodeHeader(answer.Ext, &o))
	return o.Offset
}

func (on *World) commit(queue int, offset int64) *remoting.Command {
	on.t.Helper()
	return on.call(remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: on.group, Topic: on.topic, QueueID: queue, CommitOffset: offset}, nil)
}

func offsetsOfQueues(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	for queue, want := range []int64{3, 0} {
		end, err := on.client.MaxOffset(on.soon(), on.broker, on.topic, queue)
		require.NoError(t, err)
		require.Equal(t, want, end)
		begin, err := on.client.MinOffset(on.soon(), on.broker, on.topic, queue)
		require.NoError(t, err)
		require.Zero(t, begin)
	}
}

func offsetByTime(t *testing.T, on *World) {
	on.fill(plain(numbered(2))...)
	time.Sleep(2 * time.Millisecond)
	on.fill(plain([]string{"third"})...)
	third := on.stored(on.topic)[2].StoreTimestamp
	for at, want := range map[int64]int64{1: 0, third: 2, third + 3_600_000: 3} {
		answer := on.call(remoting.SearchOffsetByTimestamp, remoting.OffsetHeader{Topic: on.topic, Timestamp: at}, nil)
		require.Equal(t, want, on.offset(answer), "at %d", at)
	}
}

func committedOffset(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	on.join().heartbeat("*")
	for _, offset := range []int64{1, 3, 2} { // a broker takes what it is told, backwards too
		require.Equal(t, remoting.Success, on.commit(0, offset).Code)
		require.Equal(t, offset, on.committed())
	}
}

// A group that has committed nothing begins at 0 where the queue still has its first message;
// of an empty queue the broker knows nothing.
func offsetOfANewGroup(t *testing.T, on *World) {
	on.fill(plain(numbered(1))...)
	require.Zero(t, on.committed())
	answer := on.call(remoting.QueryConsumerOffset, remoting.QueryConsumerOffsetHeader{ConsumerGroup: on.group, Topic: on.topic, QueueID: 1}, nil)
	require.Equal(t, remoting.QueryNotFound, answer.Code, answer.Remark)
}

func consumeStats(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	on.join().heartbeat("*")
	on.commit(0, 2)
	on.pull(pull{offset: 2})
	for _, topic := range []string{on.topic, ""} {
		stats, err := on.client.ConsumeStats(on.soon(), on.broker, on.group, topic)
		require.NoError(t, err)
		queue := remoting.Queue{Topic: on.topic, Broker: on.name}
		got := stats.Offsets[queue]
		require.EqualValues(t, 3, got.Broker)
		require.EqualValues(t, 2, got.Consumer)
		require.Equal(t, on.stored(on.topic)[1].StoreTimestamp, got.LastTimestamp)
		require.Contains(t, stats.Offsets, remoting.Queue{Topic: on.topic, Broker: on.name, ID: 1})
	}
}

func topicStats(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	stats, err := on.client.TopicStats(on.soon(), on.broker, on.topic)
	require.NoError(t, err)
	require.Equal(t, map[remoting.Queue]remoting.TopicOffset{
		{Topic: on.topic, Broker: on.name, ID: 0}: {Max: 3, LastUpdateTimestamp: on.stored(on.topic)[2].StoreTimestamp},
		{Topic: on.topic, Broker: on.name, ID: 1}: {},
	}, stats.Offsets)
	answer := on.call(remoting.GetTopicStatsInfo, remoting.TopicHeader{Topic: on.topic + "-unknown"}, nil)
	require.Equal(t, remoting.TopicNotExist, answer.Code)
}
