package producer_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func with(name, value string) *primitive.Message {
	msg := order("o-1")
	msg.WithProperty(name, value)
	return msg
}

func at(queue int) *primitive.Message {
	msg := order("o-1")
	msg.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: "broker-a", QueueId: queue}
	return msg
}

// Bad input gets one clear error before anything is sent, and is not changed.
func TestBadInputIsRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithMaxMessageSize(1000))
	var sends int
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action { sends++; return rmqtest.Pass() })
	other := order("o-2")
	other.Topic = "payments"
	retry := primitive.NewMessage("%RETRY%group", []byte("x"))

	for words, msgs := range map[string][]*primitive.Message{
		"no message":                    {},
		"message 2 of 2 is nil":         {order("o-1"), nil},
		"Topic is empty":                {primitive.NewMessage("", []byte("x"))},
		"Topic contains ' '":            {primitive.NewMessage("my orders", []byte("x"))},
		"Topic has 128 bytes":           {primitive.NewMessage(strings.Repeat("t", 128), []byte("x"))},
		"body of 1001 bytes":            {primitive.NewMessage(topic, make([]byte, 1001))},
		`property "note" contains \x01`: {with("note", "a\x01b")},
		`contains \x02`:                 {with("no\x02te", "a")},
		`contains \x00`:                 {with("note", "\x00")},
		"properties of":                 {with("note", strings.Repeat("x", 31<<10))},
		`WAIT is "false"`:               {with("WAIT", "false")},
		`WAIT is "0"`:                   {with("WAIT", "0")}, // all but "true" is false to a broker
		"Body is empty":                 {primitive.NewMessage(topic, nil)},
		"TRAN_MSG":                      {with("TRAN_MSG", "true")},
		"a batch has one topic":         {order("o-1"), other},
		"batches to retry topics":       {retry, retry},
		"is delayed":                    {order("o-1"), order("o-2").WithDelayTimeLevel(3)},
		"have queues of their own":      {orderOf("a", "o-1"), orderOf("b", "o-2")},
		"name different queues":         {at(0), at(1)},
		"bytes of bodies":               {primitive.NewMessage(topic, make([]byte, 600)), primitive.NewMessage(topic, make([]byte, 600))},
	} {
		_, err := p.SendSync(soon(t), msgs...)
		require.ErrorContains(t, err, words)
		require.ErrorContains(t, err, "producer: ")
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
		for _, msg := range msgs {
			if msg != nil {
				require.Empty(t, msg.GetProperty("UNIQ_KEY"))
			}
		}
	}
	require.Zero(t, sends)
}

// The message is the caller's: it is not changed but for its UNIQ_KEY, and its memory can be
// used again as soon as the send has returned.
func TestTheCallersMessageIsLeftAlone(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cluster := c.Holdfast()
	cluster.Namespace = "test"
	p, err := producer.New(cluster, "shop", producer.WithLogger(quiet), producer.WithBackoff(1, 1))
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })

	msg := primitive.NewMessage(topic, make([]byte, 8<<10)) // compressed on the way
	msg.WithTag("paid")
	for range 3 { // the official client prefixes the namespace again each time
		result, err := p.Send(soon(t), msg)
		require.NoError(t, err)
		require.Equal(t, topic, result.MessageQueue.Topic, "results have the bare topic")
	}
	require.Len(t, c.Messages("test%"+topic), 3)
	require.Equal(t, topic, msg.Topic)
	require.False(t, msg.Compress)
	require.Nil(t, msg.CompressedBody)
	require.Nil(t, msg.Queue)
	require.Equal(t, map[string]string{"TAGS": "paid", "UNIQ_KEY": msg.GetProperty("UNIQ_KEY")}, msg.GetProperties())
}

func TestTheBodyMayBeReusedAfterAnEndedContext(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests := hold(c)
	first := make(chan struct{})
	go func() { defer close(first); mustSend(t, p, orderOf("customer", "o-1")) }()
	eventually(t, func() bool { return requests.Load() == 1 }, "the lane is busy")

	body := []byte("order o-2")
	msg := primitive.NewMessage(topic, body).WithShardingKey("customer")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := p.Send(ctx, msg)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown, "it only waited behind o-1")
	copy(body, "XXXXXXXXX")
	release()
	<-first
	require.NoError(t, p.Close(soon(t)))
	require.Equal(t, []string{"o-1"}, keys(c.Messages(topic)), "what left the lane is not sent")
}

// A committed transactional message carries TRAN_MSG. Sent on with it, it would be answered
// SEND_OK and become a half message that nobody sees.
func TestForwardedTransactionalMessageArrives(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	consumed := &primitive.MessageExt{Message: *order("o-1")} //nolint:govet // a test's own message
	consumed.Topic = "transactions"
	for name, value := range map[string]string{
		"TRAN_MSG": "true", "PGROUP": "shop", "__transactionId__": "A", "UNIQ_KEY": "A", "REAL_TOPIC": "x", "DELAY": "3", "note": "mine",
	} {
		consumed.WithProperty(name, value)
	}
	raw := &primitive.Message{Topic: topic, Body: consumed.Body}
	raw.WithProperties(consumed.GetProperties())
	_, err := p.Send(soon(t), raw)
	require.ErrorContains(t, err, "producer.Forward")

	mustSend(t, p, producer.Forward(topic, consumed))

	stored := c.Messages(topic)
	require.Equal(t, []string{"o-1"}, keys(stored))
	require.Equal(t, "A", stored[0].UniqueKey, "forwarded twice it can be recognised")
	require.Equal(t, "mine", stored[0].Properties["note"])
	require.NotContains(t, stored[0].Properties, "TRAN_MSG")

	again := producer.Forward("transactions", consumed)
	require.Empty(t, again.GetProperty("UNIQ_KEY"), "to its own topic it is a new message")
}

// Whatever is not "true" makes the broker answer before it has flushed.
func TestWaitOtherThanTrueIsRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	for _, value := range []string{"false", "FALSE", "no", "0", " true"} {
		_, err := p.Send(soon(t), with("WAIT", value))
		require.ErrorContains(t, err, "WAIT", "%q", value)
	}
	mustSend(t, p, with("WAIT", "True"))
}

// The broker measures the name that it sees.
func TestTopicIsMeasuredWithItsNamespace(t *testing.T) {
	t.Parallel()
	cluster := rmqtest.New(t).Holdfast()
	cluster.Namespace = "namespace"
	p, err := producer.New(cluster, "shop", producer.WithLogger(quiet))
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })
	_, err = p.Send(soon(t), primitive.NewMessage(strings.Repeat("t", 118), []byte("x")))
	require.ErrorContains(t, err, "Topic has 128 bytes")
	_, err = p.Send(soon(t), primitive.NewMessage(strings.Repeat("t", 117), []byte("x")))
	require.NoError(t, err)
}
