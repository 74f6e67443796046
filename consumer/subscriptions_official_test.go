//go:build !race

package consumer

import (
	"context"
	"testing"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func joinOfficially(t *testing.T, c *rmqtest.Cluster, tags string) {
	t.Helper()
	pc, err := rocketmq.NewPushConsumer(mqconsumer.WithNameServer(c.Holdfast().NameServers), mqconsumer.WithGroupName("billing"), mqconsumer.WithInstance(tags))
	require.NoError(t, err)
	require.NoError(t, pc.Subscribe("orders", mqconsumer.MessageSelector{Type: mqconsumer.TAG, Expression: tags},
		func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
			return mqconsumer.ConsumeSuccess, nil
		}))
	require.NoError(t, pc.Start())
	t.Cleanup(func() { _ = pc.Shutdown() })
}

// The official client has data races of its own in Start: without -race.
func TestWatchAsksOfficialClientsWhatTheyTake(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	client := remoting.NewClient(c.Holdfast())
	t.Cleanup(client.Close)
	w := &watch{
		inspector: &brokersOfGroup{client: client, masters: &masters{client: client}, group: "billing", topics: []string{"orders"}},
		ours:      subscriptions{"orders": normalised("a || b", "TAG")}, bare: same, interval: time.Minute,
	}
	found, err := w.check(t.Context())
	require.NoError(t, err)
	require.Empty(t, found, "nobody is there")

	joinOfficially(t, c, "b||a")
	joinOfficially(t, c, "c")
	require.Eventually(t, func() bool {
		found, err := w.check(t.Context())
		return err == nil && len(found) == 1 && found[0].Client != "" && found[0].Theirs == "c"
	}, 30*time.Second, 10*time.Millisecond)
}
