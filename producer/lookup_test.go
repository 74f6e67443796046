package producer_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// loseAnswerOf loses the answer to the next send of the message with that key, and calls
// then in between store and silence.
func loseAnswerOf(c *rmqtest.Cluster, key string) *rmqtest.Fault {
	lost := false
	return c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if !lost && carries(r, key) {
			lost = true
			return rmqtest.DropResponse()
		}
		return rmqtest.Pass()
	})
}

// A message whose answer was lost is found, and not sent again, once the broker has answered
// SEND_OK for one further back in its log.
func TestFoundUnderCoverIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	loseAnswerOf(c, "o-1")

	done := make(chan error, 1)
	msg := order("o-1")
	go func() { _, err := p.Send(soon(t), msg); done <- err }()
	eventually(t, func() bool { return len(c.Messages(topic)) == 1 }, "stored")
	mustSend(t, p, order("o-2")) // answered, and behind it in the log

	require.NoError(t, <-done)
	require.ElementsMatch(t, []string{"o-1", "o-2"}, keys(c.Messages(topic)), "no duplicate")
}

// Found is not flushed: while the disk hangs nothing that is found is a success.
func TestFoundWithoutCoverIsNoSuccess(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithAttempts(2))
	mustSend(t, p, order("o-0"))
	c.Broker("broker-a").StallFlush()

	_, err := p.Send(soon(t), order("o-1"))

	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	c.Broker("broker-a").PowerFailure()
	require.Equal(t, []string{"o-0"}, keysSorted(c), "what was found is gone, and was not acknowledged")
}

// With the slave away and the broker's default slaveTimeout, which is the official client's
// own limit on an attempt, no send is acknowledged.
func TestSlaveAwayAcknowledgesNothing(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithInSyncReplicas(2))
	p := start(t, c, impatient, producer.WithAttempts(3))
	mustSend(t, p, order("o-0"))
	c.Broker("broker-a").LoseSlave()

	results := make(chan error, 8)
	for range cap(results) {
		go func() { _, err := p.Send(soon(t), order("o-x")); results <- err }()
	}
	for range cap(results) {
		require.ErrorIs(t, <-results, holdfast.ErrOutcomeUnknown)
	}
}

func TestLookupRefusedCountsAsNotFound(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	c.Inject(rmqtest.Query, rmqtest.Answer(16, "no permission"), 0)
	c.Inject(rmqtest.Send, rmqtest.DropResponse(), 1)

	mustSend(t, p, order("o-1"))

	require.Len(t, c.Messages(topic), 2)
	require.Len(t, ids(c.Messages(topic)), 1)
}

// Another message under the same id, as ids of the official client repeat, does not pass for
// the one that was sent.
func TestAnotherMessageUnderTheSameIDIsNotFound(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	first := order("o-1")
	mustSend(t, p, first)
	second := order("o-2")
	second.WithProperty("UNIQ_KEY", first.GetProperty("UNIQ_KEY"))
	lost := c.Inject(rmqtest.Send, rmqtest.DropRequest(), 1)

	done := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), second); done <- err }()
	<-lost.Done()
	mustSend(t, p, order("o-3")) // covers o-1, which is under the id that is looked for

	require.NoError(t, <-done)
	require.ElementsMatch(t, []string{"o-1", "o-2", "o-3"}, keys(c.Messages(topic)))
}

// Nor does one that differs in its properties alone, as when a caller uses a message again.
func TestMessageThatIsUsedAgainIsNotFoundInItsFormerSelf(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	msg := primitive.NewMessage(topic, []byte("{}")).WithKeys([]string{"o-1"})
	mustSend(t, p, msg)
	msg.WithKeys([]string{"o-2"}) // and still has the UNIQ_KEY
	lost := c.Inject(rmqtest.Send, rmqtest.DropRequest(), 1)

	done := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), msg); done <- err }()
	<-lost.Done()
	mustSend(t, p, order("o-3"))

	require.NoError(t, <-done)
	require.ElementsMatch(t, []string{"o-1", "o-2", "o-3"}, keys(c.Messages(topic)))
}

func TestResolve(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithAttempts(1))

	resolution, _, err := p.Resolve(soon(t), topic, "0123456789ABCDEF0123456789ABCDEF")
	require.NoError(t, err)
	require.Equal(t, producer.NotFound, resolution)

	c.Inject(rmqtest.Send, rmqtest.DropResponse(), 1)
	msg := order("o-1")
	_, err = p.Send(soon(t), msg)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	resolution, result, err := p.Resolve(soon(t), topic, msg.GetProperty("UNIQ_KEY"))
	require.NoError(t, err)
	require.Equal(t, producer.Found, resolution)
	require.Equal(t, c.Messages(topic)[0].QueueOffset, result.QueueOffset)
	require.Equal(t, topic, result.MessageQueue.Topic)

	mustSend(t, p, order("o-2"))
	resolution, _, err = p.Resolve(soon(t), topic, msg.GetProperty("UNIQ_KEY"))
	require.NoError(t, err)
	require.Equal(t, producer.FoundDurable, resolution)

	c.Inject(rmqtest.Query, rmqtest.Answer(16, "no permission"), 1)
	_, _, err = p.Resolve(soon(t), topic, msg.GetProperty("UNIQ_KEY"))
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 16})

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	c.Inject(rmqtest.Query, rmqtest.DropRequest(), 1)
	_, _, err = p.Resolve(ctx, topic, msg.GetProperty("UNIQ_KEY"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// An explicit batch that was found has the ids of all its messages.
func TestLostExplicitBatchIsFoundWhole(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	c.Inject(rmqtest.Send, rmqtest.DropResponse(), 1)
	type outcome struct {
		result *primitive.SendResult
		err    error
	}
	done := make(chan outcome, 1)
	go func() { r, err := p.SendSync(soon(t), orders(3)...); done <- outcome{r, err} }()
	eventually(t, func() bool { return len(c.Messages(topic)) == 3 }, "stored")
	mustSend(t, p, order("cover"))

	got := <-done
	require.NoError(t, got.err)
	var ids, offsetIDs []string
	for _, m := range c.Messages(topic) {
		if m.Keys != "cover" {
			ids, offsetIDs = append(ids, m.UniqueKey), append(offsetIDs, m.OffsetMsgID)
		}
	}
	require.Len(t, ids, 3, "not sent again")
	require.Equal(t, strings.Join(ids, ","), got.result.MsgID)
	require.Equal(t, strings.Join(offsetIDs, ","), got.result.OffsetMsgID)
}

// A message that its caller sends again is found as its first send stored it. In a batch that
// is no word for the others.
func TestOneFoundMessageDoesNotSpeakForItsBatch(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	again := order("again")
	ctx, cancel := context.WithCancel(t.Context())
	stored := c.Inject(rmqtest.Send, rmqtest.DropResponse(), 1)
	go func() { <-stored.Done(); cancel() }()
	_, err := p.Send(ctx, again)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	eventually(t, func() bool { return len(c.Messages(topic)) == 1 && p.InFlight() == 0 }, "stored by the first send, whose attempt is over")

	release, _, first := occupy(t, c, p)
	var lost atomic.Int64
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if carries(r, "new") && lost.Add(1) == 1 {
			return rmqtest.DropRequest()
		}
		return rmqtest.Pass()
	})
	done := make(chan error, 2)
	for _, msg := range []*primitive.Message{again, order("new")} {
		require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, _ *primitive.SendResult, err error) { done <- err }, msg))
	}
	release()
	<-first
	eventually(t, func() bool { return lost.Load() == 1 }, "the batch is lost")
	mustSend(t, p, order("cover"))
	require.NoError(t, <-done)
	require.NoError(t, <-done)
	require.Contains(t, keys(c.Messages(topic)), "new")
}

// A broker that has lost the end of its log writes below where SEND_OK once reached. What was
// answered before vouches for nothing that is written there now.
func TestAnswersFromBeforeTheLogWasCutDoNotCover(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithAsyncFlush(), rmqtest.WithInSyncReplicas(2))
	broker := c.Broker("broker-a")
	p := start(t, c, impatient, producer.WithAttempts(2))
	lost := c.Inject(rmqtest.Send, rmqtest.DropRequest(), 1)
	done := make(chan error, 1)
	msg := order("o-1")
	go func() { _, err := p.Send(soon(t), msg); done <- err }()
	<-lost.Done()
	for i := range 5 {
		mustSend(t, p, order(fmt.Sprint("later-", i)))
	}
	broker.PowerFailure() // nothing was flushed
	broker.LoseSlave()
	broker.Start()

	require.ErrorIs(t, <-done, holdfast.ErrOutcomeUnknown, "o-1 is on the master alone")
	require.Equal(t, []string{"o-1"}, keys(c.Messages(topic)))
	resolution, _, err := p.Resolve(soon(t), topic, msg.GetProperty("UNIQ_KEY"))
	require.NoError(t, err)
	require.Equal(t, producer.Found, resolution)
}

// A reply is answered before it is flushed, so its answer vouches for nothing.
func TestAnswerToAReplyDoesNotCover(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithAttempts(1))
	mustSend(t, p, order("o-0"))
	asker := registered(t, c)
	c.Broker("broker-a").StallFlush()
	done := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), order("o-1")); done <- err }()
	eventually(t, func() bool { return len(c.Messages(topic)) == 2 }, "stored, not flushed")
	reply := with("MSG_TYPE", "reply")
	reply.WithProperty("REPLY_TO_CLIENT", asker)
	mustSend(t, p, reply)

	require.ErrorIs(t, <-done, holdfast.ErrOutcomeUnknown)
}
