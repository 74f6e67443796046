package clustertest

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

const (
	topic  = "orders"
	queues = 4 // of the topic, on each master
)

// client asks the brokers of one cluster.
type client struct{ *remoting.Client }

func newClient(t *testing.T, c holdfast.Cluster) client {
	t.Helper()
	remote := remoting.NewClient(c)
	t.Cleanup(remote.Close)
	return client{remote}
}

// send returns the broker's answer to one message.
func (c client) send(ctx context.Context, to *cluster.Node, queue int, body string) (*remoting.Command, error) {
	return c.Call(ctx, to.Address(), remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: "clustertest", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: queues,
		QueueID: queue, BornTimestamp: time.Now().UnixMilli(),
	}, []byte(body)))
}

// answer sends a message and returns the code of the answer.
func (c client) answer(t *testing.T, to *cluster.Node, body string) (code int) {
	t.Helper()
	response, err := c.send(t.Context(), to, 0, body)
	require.NoError(t, err)
	return response.Code
}

// mustSend sends n messages and wants SEND_OK for each; it returns their bodies.
func (c client) mustSend(t *testing.T, to *cluster.Node, n int) []string {
	t.Helper()
	var bodies []string
	for i := range n {
		body := fmt.Sprintf("%s %d %d", to.Name(), time.Now().UnixNano(), i)
		response, err := c.send(t.Context(), to, i%queues, body)
		require.NoError(t, err)
		require.Equal(t, remoting.Success, response.Code, response.Remark)
		bodies = append(bodies, body)
	}
	return bodies
}

// stored is the bodies of all messages of the topic.
func (c client) stored(t *testing.T) []string {
	t.Helper()
	messages, err := scan.Topic(t.Context(), c.Client, topic)
	require.NoError(t, err)
	var bodies []string
	for _, m := range messages {
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

// configured is the value of a key in the configuration that a broker runs with.
func (c client) configured(t *testing.T, broker *cluster.Node, key string) string {
	t.Helper()
	config, err := c.BrokerConfig(t.Context(), broker.Address())
	require.NoError(t, err)
	return config[key]
}
