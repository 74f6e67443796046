// Package interop_test shows that members of one group on holdfast and on the official Java
// client understand each other's retries. It compiles small Java programs: it needs a JDK 17.
package interop_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

const (
	patience = 2 * time.Minute
	tick     = 20 * time.Millisecond

	topic = "orders"
	id    = "0123456789ABCDEF0123456789ABCDEF"
)

func TestMain(m *testing.M) {
	rlog.SetLogLevel("fatal")
	os.Exit(m.Run())
}

// world is a broker with one message for a group.
type world struct {
	*testing.T
	cluster *cluster.Cluster
	client  *remoting.Client
	group   string
	retries *consumer.Retries
}

func newWorld(t *testing.T, c *cluster.Cluster, group string) *world {
	t.Helper()
	on := &world{T: t, cluster: c, client: remoting.NewClient(c.Holdfast()), group: group}
	t.Cleanup(on.client.Close)
	var err error
	on.retries, err = consumer.NewRetries(c.Holdfast(), group)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, on.retries.Close(context.WithoutCancel(t.Context()))) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, on.retries.Prepare(ctx, map[string]string{topic: "*"}))
	return on
}

func fill(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	require.NoError(t, c.CreateTopic(t.Context(), topic, 1))
	request := remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: "shop", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, BornTimestamp: time.Now().UnixMilli(),
		Properties: remoting.EncodeProperties(map[string]string{"UNIQ_KEY": id, "own": "mine", "KEYS": "o-1"}),
	}, []byte("paid"))
	_, err := client.Do(t.Context(), c.Master(0).Address(), request)
	require.NoError(t, err)
}

// delivered is what a consumer would have been given of what is stored in a topic.
func (on *world) delivered(topic string) *primitive.MessageExt {
	on.Helper()
	var stored []*remoting.Message
	require.Eventually(on, func() bool {
		var err error
		stored, err = scan.Topic(on.Context(), on.client, topic)
		return err == nil && len(stored) > 0
	}, patience, tick)
	m := stored[0]
	ext := &primitive.MessageExt{MsgId: m.UniqueKey(), OffsetMsgId: m.OffsetMsgID(), BornTimestamp: m.BornTimestamp, ReconsumeTimes: int32(m.ReconsumeTimes)}
	ext.Topic, ext.Body = topic, m.Body
	ext.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: on.cluster.Master(0).Name()}
	ext.WithProperties(m.Properties)
	return ext
}

func TestJavaMembers(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	c := cluster.Run(t, cluster.Config{})
	fill(t, c)
	t.Run("GetWhatWeTryAgain", func(t *testing.T) { getWhatWeTryAgain(t, newWorld(t, c, "billing")) })
	t.Run("GiveUsWhatTheySendBack", func(t *testing.T) { giveUsWhatTheySendBack(t, newWorld(t, c, "shipping")) })
}

// A copy of ours is to the Java client what a message is that it has sent back itself.
func getWhatWeTryAgain(t *testing.T, on *world) {
	java := join(t, on.cluster, on.group, topic, "success")
	require.Equal(t, []seen{{topic, id, 0, "null", "null", "mine", "paid"}}, java.got(1))

	m := on.delivered(topic)
	require.NoError(t, on.retries.Retry(t.Context(), m, 1, 1, errors.New("no")))
	counted := java.got(2)[1]
	require.Equal(t, seen{topic, id, 1, topic, m.OffsetMsgId, "mine", "paid"}, counted)

	m.ReconsumeTimes = 1
	require.NoError(t, on.retries.Later(t.Context(), m, 1, errors.New("not yet")))
	require.Equal(t, counted, java.got(3)[2], "not counted")
	java.leave()
}

// What a Java member sends back comes to our handler with its count and identity, and our
// own retry of it counts on.
func giveUsWhatTheySendBack(t *testing.T, on *world) {
	java := join(t, on.cluster, on.group, topic, "later")
	java.got(1)
	origin := on.delivered(topic).OffsetMsgId
	on.delivered("%RETRY%" + on.group) // it is there: the Java member has done its part
	java.leave()

	messages := make(chan *primitive.MessageExt, 16)
	guarded := consumer.Guard(func(_ context.Context, m *primitive.MessageExt) error {
		messages <- m
		if m.ReconsumeTimes < 4 {
			return holdfast.RetryAfter(time.Second, errors.New("once more"))
		}
		return nil
	}, consumer.WithRetries(on.retries))
	ours, err := rocketmq.NewPushConsumer(
		mqconsumer.WithNameServer(on.cluster.Holdfast().NameServers), mqconsumer.WithGroupName(on.group),
		mqconsumer.WithInstance("ours"), mqconsumer.WithConsumeFromWhere(mqconsumer.ConsumeFromFirstOffset))
	require.NoError(t, err)
	require.NoError(t, ours.Subscribe(topic, mqconsumer.MessageSelector{}, guarded))
	require.NoError(t, ours.Start())
	t.Cleanup(func() { _ = ours.Shutdown() })

	last := int32(0)
	for deadline := time.After(patience); last < 2; {
		select {
		case m := <-messages:
			require.Equal(t, topic, m.Topic)
			require.Equal(t, id, m.MsgId)
			require.Equal(t, "paid", string(m.Body))
			require.Equal(t, "mine", m.GetProperty("own"))
			require.Equal(t, origin, m.GetProperty("ORIGIN_MESSAGE_ID"))
			require.Greater(t, m.ReconsumeTimes, last, "the Java member has counted once or more, we count on")
			last = m.ReconsumeTimes
		case <-deadline:
			require.FailNow(t, "nothing more comes", "after %d", last)
		}
	}
}
