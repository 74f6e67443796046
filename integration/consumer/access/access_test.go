// Package access_test shows which rights a consumer needs on clusters with access control, with
// accounts that have exactly those.
package access_test

import (
	"context"
	"crypto/rand"
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
)

const (
	topic    = "orders"
	patience = time.Minute
)

func TestMain(m *testing.M) {
	rlog.SetLogLevel("fatal")
	os.Exit(m.Run())
}

func TestConsumerAccess5(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{Version: "5.4.0", ACL: true})
	consumerAccess(t, c)
	t.Run("NoRightToSeeMembers", func(t *testing.T) {
		seen := account(t, c, right("Topic:"+topic, cluster.Sub), right("Group:unseen", cluster.Sub))
		require.True(t, remoting.Denied(askForMembers(t, c, seen, "unseen")))
		seen = account(t, c, right("Topic:"+topic, cluster.Sub), right("Group:unseen", cluster.Sub, cluster.Get))
		require.ErrorIs(t, askForMembers(t, c, seen, "unseen"), &holdfast.BrokerError{Code: remoting.ConsumerNotOnline})
	})
}

func TestConsumerAccess4(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{Version: "4.9.7", ACL: true})
	consumerAccess(t, c)
	t.Run("AnybodySeesMembers", func(t *testing.T) {
		require.ErrorIs(t, askForMembers(t, c, account(t, c), "unseen"), &holdfast.BrokerError{Code: remoting.ConsumerNotOnline})
	})
}

func right(resource string, actions ...cluster.Action) cluster.Right {
	return cluster.Right{Resource: resource, Actions: actions}
}

func account(t *testing.T, c *cluster.Cluster, rights ...cluster.Right) holdfast.Cluster {
	t.Helper()
	seen, err := c.CreateAccount(t.Context(), cluster.Account{AccessKey: "account-" + rand.Text(), SecretKey: rand.Text(), Rights: rights})
	require.NoError(t, err)
	return seen
}

func retries(t *testing.T, seen holdfast.Cluster, group string) *consumer.Retries {
	t.Helper()
	r, err := consumer.NewRetries(seen, group)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close(context.WithoutCancel(t.Context()))) })
	return r
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func received() *primitive.MessageExt {
	m := &primitive.MessageExt{OffsetMsgId: "7F00000100002A9F0000000000000001"}
	m.Topic, m.Body = topic, []byte("again")
	m.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: "broker-a"}
	return m
}

func askForMembers(t *testing.T, c *cluster.Cluster, seen holdfast.Cluster, group string) error {
	t.Helper()
	client := remoting.NewClient(seen)
	defer client.Close()
	_, err := client.ConsumerConnections(soon(t), c.Master(0).Address(), group)
	return err
}

func consumerAccess(t *testing.T, c *cluster.Cluster) {
	require.NoError(t, c.CreateTopic(t.Context(), topic, 1))
	t.Run("RightsToConsume", func(t *testing.T) {
		consumes(t, account(t, c, right("Topic:"+topic, cluster.Sub), right("Group:billing", cluster.Sub)))
	})
	t.Run("NoRightToTheGroup", func(t *testing.T) {
		r := retries(t, account(t, c, right("Topic:"+topic, cluster.Sub)), "billing") // whose retry topic is there
		for _, err := range []error{
			r.Prepare(soon(t), map[string]string{topic: "*"}),
			r.Retry(soon(t), received(), 1, 1, nil),
			r.DeadLetter(soon(t), received(), nil),
		} {
			require.True(t, remoting.Denied(err), "%v", err)
			require.ErrorContains(t, err, "docs/ACL.md")
			require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
		}
	})
	t.Run("NoRightToTheTopic", func(t *testing.T) {
		r := retries(t, account(t, c, right("Group:shipping", cluster.Sub)), "shipping")
		err := r.Prepare(soon(t), map[string]string{topic: "*"})
		require.True(t, remoting.Denied(err), "%v", err)
		require.NoError(t, r.DeadLetter(soon(t), received(), nil), "copies need the right to the group alone")
	})
}

// consumes shows that all that a consumer does is allowed: it begins, stores copies, and gets
// them back.
func consumes(t *testing.T, seen holdfast.Cluster) {
	r := retries(t, seen, "billing")
	require.NoError(t, r.Prepare(soon(t), map[string]string{topic: "*"}))
	require.NoError(t, r.Retry(soon(t), received(), 1, 1, nil))
	require.NoError(t, r.DeadLetter(soon(t), received(), nil))

	got := make(chan *primitive.MessageExt, 1)
	pc, err := rocketmq.NewPushConsumer(
		mqconsumer.WithNameServer(seen.NameServers), mqconsumer.WithGroupName("billing"), mqconsumer.WithInstance(rand.Text()),
		mqconsumer.WithCredentials(primitive.Credentials{AccessKey: seen.AccessKey, SecretKey: seen.SecretKey}),
		mqconsumer.WithConsumeFromWhere(mqconsumer.ConsumeFromFirstOffset))
	require.NoError(t, err)
	require.NoError(t, pc.Subscribe(topic, mqconsumer.MessageSelector{}, consumer.Guard(func(_ context.Context, m *primitive.MessageExt) error {
		got <- m
		return nil
	}, consumer.WithRetries(r))))
	require.NoError(t, pc.Start())
	t.Cleanup(func() { _ = pc.Shutdown() })
	select {
	case m := <-got:
		require.Equal(t, topic, m.Topic)
		require.EqualValues(t, 1, m.ReconsumeTimes)
	case <-time.After(patience):
		require.FailNow(t, "the copy did not come back")
	}
}
