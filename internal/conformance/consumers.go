package conformance

import (
	"context"
	"slices"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// The official client's push consumer, unmodified. It asks for the route of its group's retry
// topic when it starts and then every 30 s: where a retry is waited for, the group is there
// before.
var consumers = []Scenario{
	{Name: "OfficialConsumerGetsEverything", Queues: 2, Run: officialConsumerGetsEverything},
	{Name: "OfficialConsumerByTag", Queues: 2, Run: officialConsumerByTag},
	{Name: "OfficialConsumersShareTheQueues", Queues: 4, Run: officialConsumersShareTheQueues},
	{Name: "OfficialConsumerGoesOnWhereItWas", Queues: 1, Run: officialConsumerGoesOnWhereItWas},
	{Name: "OfficialConsumerInOrder", Queues: 2, Run: officialConsumerInOrder},
	{Name: "OfficialConsumerRetries", Queues: 1, Run: officialConsumerRetries},
	{Name: "OfficialConsumerGivesUp", Queues: 1, Run: officialConsumerGivesUp},
	{Name: "OfficialConsumerGetsACopy", Queues: 1, Run: officialConsumerGetsACopy},
	{Name: "OfficialConsumerOutlivesTheBroker", Queues: 2, Alone: true, Run: officialConsumerOutlivesTheBroker},
	{Name: "OfficialConsumerTellsWhatItTakes", Queues: 2, Run: officialConsumerTellsWhatItTakes},
	{Name: "OfficialConsumerTakesARefusalForDone", Queues: 1, Run: officialConsumerTakesARefusalForDone},
}

func officialConsumerGetsEverything(t *testing.T, on *World) {
	for i, body := range numbered(40) {
		on.mustSend(message{queue: i % 2, body: body})
	}
	got := on.consumer("*", succeed)
	on.gets(40, got)
	on.mustSend(message{body: "late"})
	on.gets(41, got)
	require.ElementsMatch(t, append(numbered(40), "late"), got.bodies())
}

func officialConsumerByTag(t *testing.T, on *World) {
	for i, body := range numbered(20) {
		on.mustSend(message{queue: i % 2, body: body, properties: map[string]string{"TAGS": []string{"a", "b", "c", "d"}[i%4]}})
	}
	got := on.consumer("a || c", succeed)
	on.gets(10, got)
	on.mustSend(tagged("b", "unwanted"))
	on.mustSend(tagged("a", "wanted"))
	on.gets(11, got)
	for _, m := range got.all() {
		require.Contains(t, []string{"a", "c"}, m.GetTags())
	}
	require.NotContains(t, got.bodies(), "unwanted")
}

// A member that joins takes queues over at once, because the broker tells the others.
func officialConsumersShareTheQueues(t *testing.T, on *World) {
	first := on.consumer("*", succeed)
	on.eventually(func() bool { return len(on.members()) == 1 }, "first member")
	second := on.consumer("*", succeed)
	on.eventually(func() bool { return len(on.members()) == 2 }, "second member")

	sent := 0
	on.eventually(func() bool {
		for queue := range 4 {
			on.mustSend(message{queue: queue, body: "x"})
			sent++
		}
		on.gets(sent, first, second)
		return len(queuesOf(first)) > 0 && len(queuesOf(second)) > 0
	}, "both have queues")
	require.Len(t, on.members(), 2)
}

func queuesOf(h *handled) map[int]bool {
	queues := map[int]bool{}
	for _, m := range h.all() {
		queues[m.Queue.QueueId] = true
	}
	return queues
}

func officialConsumerGoesOnWhereItWas(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	first := on.consumer("*", succeed)
	on.gets(3, first)
	on.eventually(func() bool { return on.committed() == 3 }, "offset committed")
	first.stop()

	on.mustSend(message{body: "next"})
	second := on.consumer("*", succeed)
	on.gets(1, second)
	require.Equal(t, []string{"next"}, second.bodies())
}

// One queue at a time, in its order, and a message that is not consumed is offered again
// before those behind it.
func officialConsumerInOrder(t *testing.T, on *World) {
	for i, body := range numbered(20) {
		on.mustSend(message{queue: i % 2, body: body})
	}
	failed := false
	got := on.consumer("*", func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		if string(m.Body) == "body 4" && !failed {
			failed = true
			if c, ok := primitive.GetOrderlyCtx(ctx); ok {
				c.SuspendCurrentQueueTimeMillis = 10
			}
			return consumer.SuspendCurrentQueueAMoment
		}
		return consumer.ConsumeSuccess
	}, consumer.WithConsumerOrder(true))
	on.gets(21, got)

	var even, odd []string
	for i, body := range numbered(20) {
		if i%2 == 1 {
			odd = append(odd, body)
			continue
		}
		even = append(even, body)
		if body == "body 4" {
			even = append(even, body)
		}
	}
	var queues [2][]string
	for _, m := range got.all() {
		queues[m.Queue.QueueId] = append(queues[m.Queue.QueueId], string(m.Body))
	}
	require.Equal(t, [2][]string{even, odd}, queues)
}

// awaitGroup makes the group and its retry topic known.
func (on *World) awaitGroup() {
	on.t.Helper()
	m := on.join()
	m.heartbeat("*")
	retry := "%RETRY%" + on.group
	on.eventually(func() bool { return len(on.route(retry).Queues) > 0 }, "route of the retry topic")
	m.leave()
	on.eventually(func() bool { return len(on.members()) == 0 }, "nobody consumes")
}

func later(context.Context, *primitive.MessageExt) consumer.ConsumeResult {
	return consumer.ConsumeRetryLater
}

func officialConsumerRetries(t *testing.T, on *World) {
	on.awaitGroup()
	id := newID()
	on.mustSend(message{body: "again", properties: map[string]string{"UNIQ_KEY": id, "KEYS": "k"}})
	got := on.consumer("*", func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		if m.ReconsumeTimes == 0 {
			if c, ok := primitive.GetConcurrentlyCtx(ctx); ok {
				c.DelayLevelWhenNextConsume = 1
			}
			return consumer.ConsumeRetryLater
		}
		return consumer.ConsumeSuccess
	})
	on.gets(2, got)
	again := got.all()[1]
	require.Equal(t, "again", string(again.Body))
	require.EqualValues(t, 1, again.ReconsumeTimes)
	require.Equal(t, on.topic, again.Topic, "the original topic")
	require.Equal(t, id, again.MsgId)
	require.Equal(t, "k", again.GetKeys())
}

func officialConsumerGivesUp(t *testing.T, on *World) {
	on.awaitGroup()
	on.mustSend(message{body: "dead"})
	got := on.consumer("*", func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult {
		if c, ok := primitive.GetConcurrentlyCtx(ctx); ok {
			c.DelayLevelWhenNextConsume = 1
		}
		return later(ctx, m)
	}, consumer.WithMaxReconsumeTimes(1))
	dead := on.storedOne("%DLQ%" + on.group)
	require.Equal(t, "dead", string(dead.Body))
	require.Equal(t, 2, dead.ReconsumeTimes)
	require.Len(t, got.all(), 2)
}

// A copy that a consumer of ours would have written to the retry topic is what the official
// consumer gets for a retry.
func officialConsumerGetsACopy(t *testing.T, on *World) {
	on.awaitGroup()
	id := newID()
	on.mustSend(message{
		topic: "%RETRY%" + on.group, body: "copy", reconsumeTimes: 1, maxReconsume: 16,
		properties: map[string]string{"UNIQ_KEY": id, "RETRY_TOPIC": on.topic, "ORIGIN_MESSAGE_ID": "origin", "DELAY": "2"},
	})
	got := on.consumer("*", succeed)
	on.gets(1, got)
	m := got.all()[0]
	require.Equal(t, on.topic, m.Topic)
	require.EqualValues(t, 1, m.ReconsumeTimes)
	require.Equal(t, id, m.MsgId)
	require.Equal(t, "copy", string(m.Body))
}

// The official client does not read the answer to a send-back: a message whose retry was
// refused counts as consumed.
func officialConsumerTakesARefusalForDone(t *testing.T, on *World) {
	on.awaitGroup()
	on.mustSend(message{body: "lost"})
	refused := on.script(fault.SendBack, fault.Answer(remoting.SystemError, "no"), 0)
	got := on.consumer("*", later)
	on.eventually(func() bool { return on.committed() == 1 }, "the offset is past it")
	require.Equal(t, 1, refused())
	require.Len(t, got.all(), 1)
	require.Empty(t, on.stored("%RETRY%"+on.group))
}

// The official client waits for the answers to pulls for 30 s, though their connection is
// gone; then it goes on.
func officialConsumerOutlivesTheBroker(t *testing.T, on *World) {
	on.mustSend(message{body: "before"})
	got := on.consumer("*", succeed)
	on.gets(1, got)
	require.NoError(t, on.Kill(on.soon()))
	require.NoError(t, on.Restart(on.soon()))
	on.eventually(func() bool {
		_, err := on.client.RuntimeInfo(on.soon(), on.broker)
		return err == nil
	}, "connected again")
	on.mustSend(message{queue: 0, body: "after"})
	on.mustSend(message{queue: 1, body: "after too"})
	on.eventually(func() bool {
		bodies := got.bodies()
		return slices.Contains(bodies, "after") && slices.Contains(bodies, "after too")
	}, "it consumes again")
}

// A broker holds one table of subscriptions for all members, in which whichever was written last
// has replaced the others; clients write anew at every rebalance. What one of them takes it
// tells itself, when it is asked through its broker.
func officialConsumerTellsWhatItTakes(t *testing.T, on *World) {
	on.consumer("a || b", succeed)
	on.eventually(func() bool { return len(on.members()) == 1 }, "first member")
	first := on.members()[0]
	on.consumer("c", succeed)
	on.eventually(func() bool {
		connections, err := on.client.ConsumerConnections(on.soon(), on.broker, on.group)
		held := connections != nil && slices.Contains([]string{"a || b", "c"}, connections.Subscriptions[on.topic].SubString)
		return err == nil && len(connections.Connections) == 2 && held
	}, "two members, one subscription")
	for _, id := range on.members() {
		want := "c"
		if id == first {
			want = "a || b"
		}
		require.Equal(t, want, on.takenBy(id))
	}
	answer := on.call(307, runningInfoHeader{on.group, "nobody", false}, nil)
	require.Equal(t, remoting.SystemError, answer.Code)
	require.Contains(t, answer.Remark, "not online")
}

type runningInfoHeader struct {
	Group  string `rmq:"consumerGroup"`
	Client string `rmq:"clientId"`
	Stack  bool   `rmq:"jstackEnable"`
}

// takenBy is what a client says that it subscribes of the topic.
func (on *World) takenBy(client string) string {
	on.t.Helper()
	var info struct {
		Subscriptions []struct {
			Topic     string `json:"topic"`
			SubString string `json:"subString"`
		} `json:"subscriptionSet"`
	}
	answer := on.must(remoting.NewRequest(307, runningInfoHeader{on.group, client, false}, nil))
	require.NoError(on.t, remoting.UnmarshalFastjson(answer.Body, &info))
	for _, s := range info.Subscriptions {
		if s.Topic == on.topic {
			return s.SubString
		}
	}
	return ""
}
