package cluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

// start runs a cluster with a client for it and a topic of four queues on each master.
func start(t *testing.T, config cluster.Config) (*cluster.Cluster, *client) {
	t.Helper()
	cluster.Require(t)
	c := cluster.Run(t, config)
	require.NoError(t, c.CreateTopic(t.Context(), topic, queues))
	remote := remoting.NewClient(c.Holdfast())
	t.Cleanup(remote.Close)
	return c, &client{remote}
}

const (
	topic  = "orders"
	queues = 4
)

type client struct{ *remoting.Client }

// send returns the broker's answer to one message.
func (c *client) send(ctx context.Context, n *cluster.Node, queue int, body string) (*remoting.Command, error) {
	return c.Call(ctx, n.Address(), remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: "cluster_test", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: queues,
		QueueID: queue, BornTimestamp: time.Now().UnixMilli(),
	}, []byte(body)))
}

// mustSend sends n messages and wants SEND_OK for each; it returns their bodies.
func (c *client) mustSend(t *testing.T, to *cluster.Node, n int) []string {
	t.Helper()
	var bodies []string
	for i := range n {
		body := fmt.Sprintf("%s %d", t.Name(), i)
		answer, err := c.send(t.Context(), to, i%queues, body)
		require.NoError(t, err)
		require.Equal(t, remoting.Success, answer.Code, answer.Remark)
		bodies = append(bodies, body)
	}
	return bodies
}

func (c *client) stored(t *testing.T) []string {
	t.Helper()
	messages, err := scan.Topic(t.Context(), c.Client, topic)
	require.NoError(t, err)
	var bodies []string
	for _, m := range messages {
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

func (c *client) config(t *testing.T, n *cluster.Node, key string) string {
	t.Helper()
	config, err := c.BrokerConfig(t.Context(), n.Address())
	require.NoError(t, err)
	return config[key]
}

func TestAcknowledgedMessagesSurviveKillAndRestart(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"5.4.0", "4.9.7"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c, remote := start(t, cluster.Config{Version: version})
			broker := c.Master(0)
			require.Equal(t, "SYNC_FLUSH", remote.config(t, broker, "flushDiskType"))
			bodies := remote.mustSend(t, broker, 20)

			require.NoError(t, broker.Kill())
			_, err := remote.send(t.Context(), broker, 0, "nobody there")
			require.Error(t, err)
			require.NoError(t, broker.Restart(t.Context()))

			require.ElementsMatch(t, bodies, remote.stored(t))
			require.Len(t, remote.mustSend(t, broker, 1), 1, "and it takes new ones")
		})
	}
}

func TestAcknowledgedMessagesSurviveStopAndRestart(t *testing.T) {
	t.Parallel()
	c, remote := start(t, cluster.Config{Flavour: cluster.AsyncFlush})
	broker := c.Master(0)
	require.Equal(t, "ASYNC_FLUSH", remote.config(t, broker, "flushDiskType"))
	bodies := remote.mustSend(t, broker, 20)

	require.NoError(t, broker.Restart(t.Context()), "a running broker is stopped in order first")

	require.ElementsMatch(t, bodies, remote.stored(t))
}

func TestPausedBrokerAnswersNothingUntilResumed(t *testing.T) {
	t.Parallel()
	c, remote := start(t, cluster.Config{})
	broker := c.Master(0)
	remote.mustSend(t, broker, 1)

	require.NoError(t, broker.Pause())
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := remote.send(short, broker, 0, "late")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var transport *remoting.TransportError
	require.ErrorAs(t, err, &transport)
	require.True(t, transport.Sent, "the connection stays open")

	require.NoError(t, broker.Resume())
	remote.mustSend(t, broker, 1)
	require.Contains(t, remote.stored(t), "late", "what was sent meanwhile is stored")
}

func TestPausedBrokerCanBeKilled(t *testing.T) {
	t.Parallel()
	c, remote := start(t, cluster.Config{})
	broker := c.Master(0)
	bodies := remote.mustSend(t, broker, 5)

	require.NoError(t, broker.Pause())
	require.NoError(t, broker.Kill())
	require.NoError(t, broker.Restart(t.Context()))

	require.ElementsMatch(t, bodies, remote.stored(t))
}

func TestRoutesComeBackWithTheNameServer(t *testing.T) {
	t.Parallel()
	c, remote := start(t, cluster.Config{})
	require.NoError(t, c.NameServer().Kill())
	_, err := remote.Route(t.Context(), topic)
	require.Error(t, err)

	require.NoError(t, c.NameServer().Restart(t.Context()))

	route, err := remote.Route(t.Context(), topic)
	require.NoError(t, err)
	require.Len(t, route.WriteQueues(topic), queues)
}

func TestTwoBrokersFailApart(t *testing.T) {
	t.Parallel()
	c, remote := start(t, cluster.Config{Flavour: cluster.TwoBrokers})
	route, err := remote.Route(t.Context(), topic)
	require.NoError(t, err)
	require.Equal(t, c.Master(0).Address(), route.Master("broker-a"))
	require.Equal(t, c.Master(1).Address(), route.Master("broker-b"))
	require.Len(t, route.WriteQueues(topic), 2*queues)

	first := remote.mustSend(t, c.Master(0), 5)
	require.NoError(t, c.Master(0).Kill())
	second := remote.mustSend(t, c.Master(1), 5)
	require.NoError(t, c.Master(0).Restart(t.Context()))

	require.ElementsMatch(t, append(first, second...), remote.stored(t))
}

func TestMasterWaitsForItsSlave(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"5.4.0": remoting.FlushSlaveTimeout, "4.9.7": remoting.SlaveNotAvailable} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c, remote := start(t, cluster.Config{Flavour: cluster.MasterSlave, Version: version})
			remote.mustSend(t, c.Master(0), 3)

			require.NoError(t, c.Slave().Kill())
			answer, err := remote.send(t.Context(), c.Master(0), 0, "alone")
			require.NoError(t, err)
			require.Equal(t, want, answer.Code)

			require.NoError(t, c.Master(0).Kill())
			require.NoError(t, c.Master(0).Restart(t.Context()), "a master without its slave is ready when it stores")
			require.NoError(t, c.Slave().Restart(t.Context()))
			remote.mustSend(t, c.Master(0), 3)
			require.Len(t, remote.stored(t), 7)
		})
	}
}

func TestExtraKeysWin(t *testing.T) {
	t.Parallel()
	c, remote := start(t, cluster.Config{Extra: map[string]string{"flushDiskType": "ASYNC_FLUSH", "maxMessageSize": "1000"}})

	require.Equal(t, "ASYNC_FLUSH", remote.config(t, c.Master(0), "flushDiskType"))
	answer, err := remote.send(t.Context(), c.Master(0), 0, string(make([]byte, 2000)))
	require.NoError(t, err)
	require.Equal(t, remoting.MessageIllegal, answer.Code)
}

func TestFailedStartSaysWhatTheBrokerPrinted(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	_, err := cluster.Start(t.Context(), cluster.Config{JVM: []string{"-XX:NoSuchFlag=1"}})
	require.ErrorContains(t, err, "broker-a is not ready: it has exited")
	require.ErrorContains(t, err, "NoSuchFlag")
}

func TestClosedClusterIsOver(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	c, err := cluster.Start(t.Context(), cluster.Config{})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "closing twice is fine")

	require.ErrorContains(t, c.Master(0).Restart(t.Context()), "the cluster is closed")
	remote := remoting.NewClient(holdfast.Cluster{NameServers: c.Holdfast().NameServers})
	defer remote.Close()
	_, err = remote.ClusterInfo(t.Context())
	require.ErrorContains(t, err, "connection refused")
}
