package producer_test

import (
	"context"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestRequestGetsItsReply(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	mustSend(t, p, order("o-0"))
	registered(t, c)
	replies, failed := make(chan *primitive.Message, 1), make(chan error, 1)
	go func() {
		reply, err := p.Request(soon(t), patience, primitive.NewMessage("questions", []byte("question")))
		replies <- reply
		failed <- err
	}()
	eventually(t, func() bool { return len(c.Messages("questions")) == 1 }, "asked")
	require.Equal(t, 1, p.InFlight(), "Close would wait for it")

	reply := primitive.NewMessage(topic, []byte("answer"))
	reply.WithProperty("MSG_TYPE", "reply")
	for _, name := range []string{"CORRELATION_ID", "REPLY_TO_CLIENT", "TTL"} {
		reply.WithProperty(name, c.Messages("questions")[0].Properties[name])
	}
	mustSend(t, p, reply)
	require.Equal(t, "answer", string((<-replies).Body))
	require.NoError(t, <-failed)
}

// Requests whose ctx has ended do not use up what other sends need.
func TestRequestsThatEndedAreNotStuck(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithMaxStuck(2))
	mustSend(t, p, order("o-0"))
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		_, err := p.Request(ctx, time.Minute, order("o-1"))
		cancel()
		require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	eventually(t, func() bool { return p.Healthy() == nil }, "nothing is stuck")
	mustSend(t, p, order("o-2"))
}

// A request has its UNIQ_KEY from the start, and its caller is told.
func TestRequestHasAnIDAndACopyOfTheBody(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	body := []byte("order o-1")
	msg := primitive.NewMessage(topic, body)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.Request(ctx, time.Minute, msg)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	eventually(t, func() bool { return len(c.Messages(topic)) == 1 }, "stored")
	require.Equal(t, c.Messages(topic)[0].UniqueKey, msg.GetProperty("UNIQ_KEY"))
}

// A refused request was certainly not sent.
func TestRequestOfAnEndedContextIsNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Request(ctx, time.Second, order("o-1"))
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Empty(t, c.Messages(topic))
}

func TestContextBoundsARequest(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := p.Request(ctx, 4*time.Second, order("o-1")); done <- err }()
	eventually(t, func() bool { return len(c.Messages(topic)) == 1 }, "the request is stored")
	cancel()
	err := <-done
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Equal(t, 1, p.InFlight(), "the official client has not come back")

	_, err = p.Request(soon(t), time.Second, with("TRAN_MSG", "true"))
	require.ErrorContains(t, err, "TRAN_MSG")
}

func TestRequestWithoutReplyEndsWithItsTime(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	_, err := p.Request(soon(t), 100*time.Millisecond, order("o-1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	eventually(t, func() bool { return len(c.Messages(topic)) == 1 }, "stored")

	_, err = p.Request(soon(t), 0, order("o-2"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
}
