package rmqtest_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// patience is how long a test waits for what should come at once.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	rlog.SetLogLevel("fatal") // the official client's logger belongs to the process
	os.Exit(m.Run())
}

// client is a client of the cluster that is closed with the test.
func client(t testing.TB, c *rmqtest.Cluster) *remoting.Client {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	t.Cleanup(client.Close)
	return client
}

// soon is a context that ends when the test's patience does.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// message is a send of one message, as a client of ours writes it.
func message(topic, body string, properties map[string]string) *remoting.Command {
	return remoting.NewRequest(remoting.SendMessage, sendHeader(topic, properties), []byte(body))
}

func sendHeader(topic string, properties map[string]string) remoting.SendMessageHeader {
	return remoting.SendMessageHeader{
		ProducerGroup: "producers", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4,
		BornTimestamp: time.Now().UnixMilli(), Properties: remoting.EncodeProperties(properties),
		MaxReconsumeTimes: 16,
	}
}

// send sends a message to the first broker and returns the answer, whatever its code.
func send(t testing.TB, c *rmqtest.Cluster, cl *remoting.Client, command *remoting.Command) *remoting.Command {
	t.Helper()
	response, err := cl.Call(soon(t), c.Brokers()[0].Addr(), command)
	require.NoError(t, err)
	return response
}

// mustSend is send for what has to succeed; it returns where the message was stored.
func mustSend(t testing.TB, c *rmqtest.Cluster, cl *remoting.Client, command *remoting.Command) remoting.SendMessageResponse {
	t.Helper()
	response := send(t, c, cl, command)
	require.Equal(t, remoting.Success, response.Code, response.Remark)
	var where remoting.SendMessageResponse
	require.NoError(t, remoting.DecodeHeader(response.Ext, &where))
	return where
}

func bodies(messages []rmqtest.Message) []string {
	var list []string
	for _, m := range messages {
		list = append(list, string(m.Body))
	}
	return list
}

// eventually polls until the condition holds.
func eventually(t testing.TB, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, patience, 2*time.Millisecond, what)
}

func brokerCode(t *testing.T, err error) int {
	t.Helper()
	var refused *holdfast.BrokerError
	require.True(t, errors.As(err, &refused), "%v", err)
	return refused.Code
}

func call(t testing.TB, c *rmqtest.Cluster, cl *remoting.Client, code int, header any, body []byte) *remoting.Command {
	t.Helper()
	response, err := cl.Call(soon(t), c.Brokers()[0].Addr(), remoting.NewRequest(code, header, body))
	require.NoError(t, err)
	return response
}

// pull is one that carries its subscription.
func pull(offset int64) remoting.PullMessageHeader {
	return remoting.PullMessageHeader{
		ConsumerGroup: "readers", Topic: "orders", QueueOffset: offset, MaxMsgNums: 32,
		SysFlag: remoting.PullSubscription, Subscription: "*",
	}
}
