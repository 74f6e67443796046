package consumer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

const (
	retryTopic = "%RETRY%billing"
	deadTopic  = "%DLQ%billing"
)

func newRetries(t *testing.T, c *rmqtest.Cluster, opts ...consumer.RetriesOption) *consumer.Retries {
	t.Helper()
	r, err := consumer.NewRetries(c.Holdfast(), "billing", opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, r.Close(ctx))
	})
	return r
}

// receivedFrom is a message of the topic "orders" as the official client delivers it.
func receivedFrom(broker string, properties map[string]string) *primitive.MessageExt {
	m := &primitive.MessageExt{OffsetMsgId: "7F00000100002A9F0000000000000001"}
	m.Topic, m.Body = "orders", []byte("o-1")
	m.Queue = &primitive.MessageQueue{Topic: "orders", BrokerName: broker}
	m.WithProperties(properties)
	return m
}

func transactional() *primitive.MessageExt {
	return receivedFrom("broker-a", map[string]string{"UNIQ_KEY": "A1", "TRAN_MSG": "true", "PGROUP": "shop", "__transactionId__": "A1"})
}

func copiesIn(t *testing.T, c *rmqtest.Cluster, topic string, n int) []rmqtest.Message {
	t.Helper()
	require.Eventually(t, func() bool { return len(c.Messages(topic)) >= n }, 10*time.Second, time.Millisecond)
	messages := c.Messages(topic)
	require.Len(t, messages, n)
	return messages
}

func TestRetriedTransactionalMessageArrives(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.01))
	c.CreateTopic("orders", 1)
	require.NoError(t, newRetries(t, c).Retry(t.Context(), transactional(), 1, 1, errors.New("no")))
	copied := copiesIn(t, c, retryTopic, 1)[0]
	require.Equal(t, "A1", copied.UniqueKey)
	require.NotContains(t, copied.Properties, "TRAN_MSG")
	require.Empty(t, c.Messages("RMQ_SYS_TRANS_HALF_TOPIC"))
}

func TestRejectedTransactionalMessageArrives(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	require.NoError(t, newRetries(t, c).DeadLetter(t.Context(), transactional(), errors.New("never")))
	copied := copiesIn(t, c, deadTopic, 1)[0]
	require.Equal(t, "A1", copied.UniqueKey)
	require.Equal(t, "never", copied.Properties[consumer.ReasonProperty])
	require.Empty(t, c.Messages("RMQ_SYS_TRANS_HALF_TOPIC"))
}

func TestCopyGoesToTheBrokerOfItsMessage(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic("orders", 1)
	r := newRetries(t, c)
	where := make(chan string, 10)
	c.Intercept(rmqtest.Send, func(q *rmqtest.Request) rmqtest.Action {
		where <- q.Broker
		return rmqtest.Pass()
	})
	for _, broker := range []string{"broker-b", "broker-a", "broker-b"} {
		require.NoError(t, r.DeadLetter(t.Context(), receivedFrom(broker, nil), nil))
		require.Equal(t, broker, <-where)
	}
}

func TestCopyGoesToAnotherBrokerWhileItsOwnIsAway(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic("orders", 1)
	r := newRetries(t, c)
	require.NoError(t, r.DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil))
	c.Broker("broker-a").Stop()
	require.NoError(t, r.DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil))
	copiesIn(t, c, deadTopic, 2)
}

func TestCopyIsStoredWhileNoNameServerAnswers(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	r := newRetries(t, c)
	require.NoError(t, r.DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil))
	c.NameServer().Stop()
	c.Inject(rmqtest.Send, rmqtest.Answer(2, "busy"), 1) // has the route asked for again
	require.NoError(t, r.DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil))
}

func TestCopyIsNotStoredWithoutSendOK(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer  rmqtest.Action
		unknown bool
	}{
		"flush disk timeout":  {rmqtest.Answer(10, ""), true},
		"flush slave timeout": {rmqtest.Answer(12, ""), true},
		"no slave":            {rmqtest.Answer(11, ""), true},
		"system error":        {rmqtest.Answer(1, "?"), true},
		"lost":                {rmqtest.CloseAfter(), true},
		"refused":             {rmqtest.Answer(16, "no"), false},
		"busy":                {rmqtest.Answer(2, "busy"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rmqtest.New(t)
			c.CreateTopic("orders", 1)
			c.Inject(rmqtest.Send, test.answer, 0)
			err := newRetries(t, c, consumer.WithCopyAttempts(2)).DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil)
			require.Error(t, err)
			require.Equal(t, test.unknown, errors.Is(err, holdfast.ErrOutcomeUnknown))
		})
	}
}

// A copy whose answer was lost is found before one that was answered since, and is not sent
// once more.
func TestCopyWhoseAnswerWasLostIsFound(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	r := newRetries(t, c)
	lost, other := receivedFrom("broker-a", map[string]string{"UNIQ_KEY": "A1"}), receivedFrom("broker-a", map[string]string{"UNIQ_KEY": "B2"})
	actions := make(chan rmqtest.Action, 3)
	actions <- rmqtest.CloseAfter()
	actions <- rmqtest.Pass() // the other one
	actions <- rmqtest.Answer(2, "busy")
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action { return <-actions })
	questions := 0
	c.Intercept(rmqtest.Query, func(*rmqtest.Request) rmqtest.Action {
		if questions++; questions == 1 {
			time.Sleep(2 * time.Millisecond) // what counts is the millisecond of the answer
			if err := r.DeadLetter(t.Context(), other, nil); err != nil {
				t.Error(err)
			}
		}
		return rmqtest.Pass()
	})
	require.NoError(t, r.DeadLetter(t.Context(), lost, nil))
	require.Equal(t, 2, questions)
	copiesIn(t, c, deadTopic, 2)
}

// Without such an answer it is sent again, under the same identity.
func TestCopyWhoseAnswerWasLostIsSentAgain(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	c.Inject(rmqtest.Send, rmqtest.CloseAfter(), 1)
	require.NoError(t, newRetries(t, c).DeadLetter(t.Context(), receivedFrom("broker-a", map[string]string{"UNIQ_KEY": "A1"}), nil))
	for _, copied := range copiesIn(t, c, deadTopic, 2) {
		require.Equal(t, "A1", copied.UniqueKey)
	}
}

func TestCopyEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action {
		cancel(cause)
		return rmqtest.DropResponse()
	})
	err := newRetries(t, c).DeadLetter(ctx, receivedFrom("broker-a", nil), nil)
	require.ErrorIs(t, err, cause)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.ErrorIs(t, newRetries(t, c).DeadLetter(ctx, receivedFrom("broker-a", nil), nil), cause)
}

func TestClosedRetriesStoreNothing(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	r := newRetries(t, c)
	require.NoError(t, r.Close(t.Context()))
	require.NoError(t, r.Close(t.Context()), "a second time")
	require.ErrorIs(t, r.DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil), consumer.ErrRetriesClosed)
	require.Empty(t, c.Messages(deadTopic))
}

func TestCloseWaitsForCopies(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	r := newRetries(t, c)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	ended, end := context.WithCancel(t.Context())
	end()
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action {
		once.Do(func() { close(arrived) })
		<-goOn
		return rmqtest.Pass()
	})
	stored := make(chan error, 1)
	go func() { stored <- r.DeadLetter(t.Context(), receivedFrom("broker-a", nil), nil) }()
	<-arrived
	closed := make(chan error, 1)
	go func() { closed <- r.Close(t.Context()) }()
	require.Eventually(t, func() bool {
		return errors.Is(r.DeadLetter(ended, receivedFrom("broker-a", nil), nil), consumer.ErrRetriesClosed)
	}, 10*time.Second, time.Millisecond)
	select {
	case err := <-closed:
		require.FailNow(t, "closed before the copy was stored", "%v", err)
	default:
	}
	close(goOn)
	require.NoError(t, <-stored)
	require.NoError(t, <-closed)
}

func TestNewRetriesComplainsAboutEverything(t *testing.T) {
	t.Parallel()
	_, err := consumer.NewRetries(holdfast.Cluster{}, "no group", consumer.WithMaxReconsumeTimes(-1), consumer.WithCopyAttempts(0), consumer.WithCopyTimeout(0))
	for _, complaint := range []string{"NameServers", `"no group"`, "WithMaxReconsumeTimes(-1)", "WithCopyAttempts(0)", "WithCopyTimeout(0s)"} {
		require.ErrorContains(t, err, complaint)
	}
}
