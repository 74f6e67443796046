package producer_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestNilMeansSendOK(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)

	msg := order("o-1")
	result := mustSend(t, p, msg)

	stored := c.Messages(topic)
	require.Len(t, stored, 1)
	require.Equal(t, stored[0].UniqueKey, result.MsgID)
	require.Equal(t, stored[0].UniqueKey, msg.GetProperty("UNIQ_KEY"), "the caller's message gets its id back")
	require.Equal(t, stored[0].QueueOffset, result.QueueOffset)
	require.Equal(t, &primitive.MessageQueue{Topic: topic, BrokerName: "broker-a", QueueId: stored[0].QueueID}, result.MessageQueue)
	require.Len(t, result.OffsetMsgID, 32)
}

// A ctx that is shorter than the broker makes one copy, where the official client makes four.
func TestEndedContextMakesNoFurtherAttempt(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	mustSend(t, p, order("o-0"))
	c.Inject(rmqtest.Send, rmqtest.DropResponse(), 0)

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	result, err := p.Send(ctx, order("o-1"))

	require.Nil(t, result)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, p.Close(soon(t)), "the attempt that was under way has settled")
	require.Equal(t, []string{"o-0", "o-1"}, keysSorted(c), "one copy")
}

func TestContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)

	_, err := p.Send(ctx, order("o-1"))

	require.ErrorIs(t, err, why)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.NoError(t, p.Close(soon(t)))
	require.Empty(t, c.Messages(topic))
}

// A send whose answer is lost is sent again and keeps its id.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	c.Inject(rmqtest.Send, rmqtest.DropResponse(), 1)

	mustSend(t, p, order("o-1"))

	stored := c.Messages(topic)
	require.Len(t, stored, 2, "found, but under the cover of no later SEND_OK: not durable for all we know")
	require.Len(t, ids(stored), 1, "both copies under one UNIQ_KEY")
}

func TestConnectionCutAfterStore(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	c.Inject(rmqtest.Send, rmqtest.CloseAfter(), 1)

	mustSend(t, p, order("o-1"))

	require.Len(t, ids(c.Messages(topic)), 1)
}

func TestRequestLost(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	c.Inject(rmqtest.Send, rmqtest.DropRequest(), 2)

	mustSend(t, p, order("o-1"))

	require.Len(t, c.Messages(topic), 1)
}

func TestAttemptsThatAreNeverAnsweredEndUnknown(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithAttempts(2))
	c.Inject(rmqtest.Send, rmqtest.DropRequest(), 0)

	_, err := p.Send(soon(t), order("o-1"))

	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.ErrorContains(t, err, `producer: message to "orders": outcome unknown`)
}

func TestRefusalsByTheBroker(t *testing.T) {
	t.Parallel()
	for code, unknown := range map[int]bool{1: true, 2: false, 3: false, 13: false, 14: false, 16: false, 17: false, 215: false, 4711: true} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			c := rmqtest.New(t)
			p := start(t, c, producer.WithAttempts(2))
			c.Inject(rmqtest.Send, rmqtest.Answer(code, "scripted"), 0)

			_, err := p.Send(soon(t), order("o-1"))

			require.ErrorIs(t, err, &holdfast.BrokerError{Code: code, Broker: "broker-a"})
			require.Equal(t, unknown, errors.Is(err, holdfast.ErrOutcomeUnknown), "code %d", code)
		})
	}
}

func TestARefusalThatPassesIsRetried(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	c.Inject(rmqtest.Send, rmqtest.Answer(2, "busy"), 3)
	mustSend(t, p, order("o-1"))
	require.Len(t, c.Messages(topic), 1)
}

func TestNotDurableIsAnError(t *testing.T) {
	t.Parallel()
	for code, status := range map[int]primitive.SendStatus{
		10: primitive.SendFlushDiskTimeout, 11: primitive.SendSlaveNotAvailable, 12: primitive.SendFlushSlaveTimeout,
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			c := rmqtest.New(t)
			p := start(t, c)
			c.Inject(rmqtest.Send, rmqtest.AnswerAfterStore(code, ""), 1)

			result, err := p.Send(soon(t), order("o-1"))

			require.Nil(t, result)
			var notDurable *holdfast.NotDurableError
			require.ErrorAs(t, err, &notDurable)
			require.Equal(t, status, notDurable.Status)
			require.Equal(t, c.Messages(topic)[0].UniqueKey, notDurable.Result.MsgID)
			require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
			require.Len(t, c.Messages(topic), 1)
		})
	}
}

func TestNotDurableCanBeResent(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithResendNotDurable())
	c.Inject(rmqtest.Send, rmqtest.AnswerAfterStore(12, ""), 1)

	mustSend(t, p, order("o-1"))

	require.Len(t, c.Messages(topic), 2)
	require.Len(t, ids(c.Messages(topic)), 1)
}

func TestUnknownTopic(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateTopics())
	p := start(t, c)

	_, err := p.Send(soon(t), order("o-1"))

	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 17})
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
}

func TestBrokerGoneIsNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithAttempts(3))
	mustSend(t, p, order("o-0"))
	registered(t, c)
	c.Broker("broker-a").Stop()

	_, err := p.Send(soon(t), order("o-1"))

	require.Error(t, err)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown, "nothing was sent: %v", err)

	c.Broker("broker-a").Start()
	eventually(t, func() bool { _, err := p.Send(soon(t), order("o-2")); return err == nil }, "the broker is back")
	require.Equal(t, []string{"o-0", "o-2"}, keysSorted(c))
}

func TestNameServerGoneDoesNotStopAKnownTopic(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	mustSend(t, p, order("o-0"))
	c.NameServer().Stop()
	mustSend(t, p, order("o-1"))

	other := primitive.NewMessage("payments", []byte("x"))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := p.Send(ctx, other)
	require.Error(t, err)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
}

func TestUnkeyedMessagesGoToAnotherBroker(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic(topic, 2)
	p := start(t, c)
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if r.Broker == "broker-a" {
			return rmqtest.Answer(14, "read-only")
		}
		return rmqtest.Pass()
	})
	for _, id := range []string{"o-1", "o-2", "o-3", "o-4", "o-5"} {
		require.Equal(t, "broker-b", mustSend(t, p, order(id)).MessageQueue.BrokerName)
	}
	require.Len(t, c.Messages(topic), 5)
}

// What ended a ctx may be the error of another send, as with an errgroup. It says nothing
// about this message.
func TestCauseOfAnEndedContextIsNoOutcome(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests := hold(c)
	defer release()
	first := make(chan struct{})
	go func() { defer close(first); mustSend(t, p, orderOf("customer", "o-1")) }()
	eventually(t, func() bool { return requests.Load() == 1 }, "the lane is busy")

	for _, cause := range []error{
		fmt.Errorf("another: %w", holdfast.ErrOutcomeUnknown),
		fmt.Errorf("another: %w", &holdfast.NotDurableError{Status: primitive.SendFlushDiskTimeout}),
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		waiting := make(chan error, 1)
		go func() { _, err := p.Send(ctx, orderOf("customer", "o-2")); waiting <- err }()
		eventually(t, func() bool { return p.InFlight() == 2 }, "o-2 waits behind o-1")
		cancel(cause)
		err := <-waiting
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
		var notDurable *holdfast.NotDurableError
		require.False(t, errors.As(err, &notDurable))

		_, err = p.Send(ctx, order("o-3"))
		require.ErrorIs(t, err, cause)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	release()
	<-first
}
