package producer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// permit creates a topic of 2 queues on every broker with that permission.
func permit(t *testing.T, c *rmqtest.Cluster, perm int) {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	for _, b := range c.Brokers() {
		require.NoError(t, client.CreateTopic(soon(t), b.Addr(), remoting.CreateTopicHeader{
			Topic: topic, ReadQueueNums: 2, WriteQueueNums: 2, Perm: perm, TopicFilterType: "SINGLE_TAG",
		}))
	}
}

// With no queue to send to nothing is sent, and nothing is in doubt.
func TestTopicClosedForWritesIsNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	permit(t, c, remoting.PermRead)
	p := start(t, c, producer.WithAttempts(2))
	for _, msg := range []*primitive.Message{order("o-1"), orderOf("customer", "o-2")} {
		_, err := p.Send(soon(t), msg)
		require.Error(t, err)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	require.Empty(t, c.Messages(topic))
}

// A topic that is opened for writes between two attempts takes the message.
func TestTopicOpenedBetweenAttempts(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	permit(t, c, remoting.PermRead)
	p := start(t, c, producer.WithAttempts(1000), producer.WithBackoff(20*time.Millisecond, 20*time.Millisecond))
	routes := c.Inject(rmqtest.Route, rmqtest.Pass(), 0)
	done := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), order("o-1")); done <- err }()
	eventually(t, func() bool { return routes.Hits() >= 2 }, "no queue was found")
	permit(t, c, remoting.PermRead|remoting.PermWrite)
	require.NoError(t, <-done)
	require.Len(t, c.Messages(topic), 1)
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

func TestTraceContextThatDoesNotFitIsLeftOut(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithPropagator(propagation.Baggage{}))
	member, err := baggage.NewMember("k", strings.Repeat("v", 8000))
	require.NoError(t, err)
	carried, err := baggage.New(member)
	require.NoError(t, err)
	ctx := baggage.ContextWithBaggage(soon(t), carried)
	_, err = p.Send(ctx, with("note", strings.Repeat("x", 29<<10)))
	require.NoError(t, err)
	_, err = p.Send(ctx, with("note", "x"))
	require.NoError(t, err)
	sizes := map[int]int{}
	for _, m := range c.Messages(topic) {
		sizes[len(m.Properties["baggage"])]++
	}
	require.Equal(t, map[int]int{0: 1, 8002: 1}, sizes)
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

// Start may wait for a name server; nobody else waits for Start.
func TestNothingWaitsForStart(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := create(t, c)
	asked := make(chan struct{})
	gate := make(chan struct{})
	var once sync.Once
	c.Intercept(rmqtest.ClusterInfo, func(*rmqtest.Request) rmqtest.Action {
		once.Do(func() { close(asked) })
		<-gate
		return rmqtest.Pass()
	})
	started := make(chan error, 1)
	go func() { started <- p.Start() }()
	<-asked

	others := make(chan error, 3)
	go func() { _, err := p.Send(soon(t), order("o-1")); others <- err }()
	go func() { others <- p.Healthy() }()
	for range 2 {
		select {
		case err := <-others:
			require.ErrorIs(t, err, producer.ErrNotStarted)
		case <-time.After(3 * time.Second):
			close(gate)
			t.Fatal("waits for Start")
		}
	}
	close(gate)
	require.NoError(t, <-started)
}

// Close during Start is not held up by it, and Start does not start what is closed.
func TestCloseDuringStart(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := create(t, c)
	asked, gate := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c.Intercept(rmqtest.ClusterInfo, func(*rmqtest.Request) rmqtest.Action {
		once.Do(func() { close(asked) })
		<-gate
		return rmqtest.Pass()
	})
	started := make(chan error, 1)
	go func() { started <- p.Start() }()
	<-asked
	closed := make(chan error, 1)
	go func() { closed <- p.Close(soon(t)) }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(3 * time.Second):
		t.Error("Close waits for Start")
	}
	close(gate)
	require.Error(t, <-started)
	require.ErrorIs(t, p.Healthy(), producer.ErrClosed)
}

func TestSecondCloseWaitsToo(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests := hold(c)
	defer release()
	sent := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), order("o-1")); sent <- err }()
	eventually(t, func() bool { return requests.Load() == 1 }, "in flight")
	first := make(chan error, 1)
	go func() { first <- p.Close(soon(t)) }()
	eventually(t, func() bool { return errors.Is(p.Healthy(), producer.ErrClosed) }, "closing")

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Close(ctx), context.DeadlineExceeded, "o-1 has not settled")
	release()
	require.NoError(t, p.Close(soon(t)))
	require.NoError(t, <-first)
	require.NoError(t, <-sent)
}

// An explicit batch that was found has the ids of all its messages.
func TestLostExplicitBatchIsFoundWhole(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
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

// Each message of a batch that is stored but not durable is told where it is itself.
func TestNotDurableInABatchIsEachOnesOwn(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cluster := c.Holdfast()
	cluster.Namespace = "test"
	p, err := producer.New(cluster, "shop", producer.WithLogger(quiet), producer.WithLanes(1))
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })
	release, requests := hold(c)
	first := make(chan struct{})
	go func() { defer close(first); mustSend(t, p, order("first")) }()
	eventually(t, func() bool { return requests.Load() == 1 }, "the lane is busy")

	const n = 10
	errs := make([]error, n)
	var wg sync.WaitGroup
	msgs := orders(n)
	for i, msg := range msgs {
		wg.Add(1)
		require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, _ *primitive.SendResult, err error) { errs[i] = err; wg.Done() }, msg))
	}
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if r.Code == remoting.SendBatchMessage {
			return rmqtest.AnswerAfterStore(10, "")
		}
		return rmqtest.Pass()
	})
	release()
	<-first
	wg.Wait()

	at := map[string]rmqtest.Message{}
	for _, m := range c.Messages("test%" + topic) {
		at[m.UniqueKey] = m
	}
	for i, err := range errs {
		var notDurable *holdfast.NotDurableError
		require.ErrorAs(t, err, &notDurable)
		require.Equal(t, msgs[i].GetProperty("UNIQ_KEY"), notDurable.Result.MsgID)
		require.Equal(t, at[notDurable.Result.MsgID].QueueOffset, notDurable.Result.QueueOffset)
		require.Equal(t, at[notDurable.Result.MsgID].OffsetMsgID, notDurable.Result.OffsetMsgID)
		require.Equal(t, topic, notDurable.Result.MessageQueue.Topic)
	}
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

// panicky is a selector with a bug.
type panicky struct{}

func (panicky) Select(*primitive.Message, []*primitive.MessageQueue, string) *primitive.MessageQueue {
	panic("user code")
}

func TestSelectorMayPanic(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithQueueSelector(panicky{}))
	_, err := p.Send(soon(t), order("o-1"))
	require.ErrorContains(t, err, "user code")
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Zero(t, p.InFlight())
	require.NoError(t, p.Close(soon(t)))
}

// A topic whose queues became fewer: keys move to those that are left.
func TestKeysMoveWhenQueuesAreTakenAway(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic(topic, 8)
	p := start(t, c, producer.WithAttempts(1))
	for i := range 20 {
		mustSend(t, p, orderOf(fmt.Sprint("customer-", i), "o"))
	}
	c.CreateTopic(topic, 1)
	for i := range 20 {
		eventually(t, func() bool { _, err := p.Send(soon(t), orderOf(fmt.Sprint("customer-", i), "o")); return err == nil }, "customer %d", i)
	}
}

// A queue that does not exist takes nothing.
func TestQueueOutOfRangeIsNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic(topic, 2)
	p := start(t, c)
	msg := order("o-1")
	msg.Queue = &primitive.MessageQueue{BrokerName: "broker-a", QueueId: 2}
	_, err := p.Send(soon(t), msg)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 29})
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Empty(t, c.Messages(topic))
}

// A queue of no broker fails its message, and no other.
func TestQueueWithoutBrokerHarmsNoOtherMessage(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithAttempts(1))
	msg := order("o-1")
	msg.Queue = &primitive.MessageQueue{}
	_, err := p.Send(soon(t), msg)
	require.Error(t, err)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	mustSend(t, p, order("o-2"))
}

func TestMoreBadInputIsRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cluster := c.Holdfast()
	cluster.Namespace = "namespace"
	p, err := producer.New(cluster, "shop", producer.WithLogger(quiet))
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })
	sends := c.Inject(rmqtest.Send, rmqtest.Pass(), 0)
	for words, msgs := range map[string][]*primitive.Message{
		"Topic has 129 bytes": {primitive.NewMessage(strings.Repeat("t", 119), []byte("x"))},
	} {
		_, err := p.SendSync(soon(t), msgs...)
		require.ErrorContains(t, err, words)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	require.Zero(t, sends.Hits())
	_, err = p.SendSync(soon(t), orderOf("a", "o-1"), orderOf("a", "o-2"))
	require.NoError(t, err)
}

// A reply is answered before it is flushed, so its answer vouches for nothing.
func TestAnswerToAReplyDoesNotCover(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithAttempts(1))
	mustSend(t, p, order("o-0"))
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	var asker string
	eventually(t, func() bool {
		connections, err := client.ProducerConnections(soon(t), c.Broker("broker-a").Addr(), "shop")
		if err == nil {
			asker = connections.Connections[0].ClientID
		}
		return err == nil
	}, "the producer is registered")

	c.Broker("broker-a").StallFlush()
	done := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), order("o-1")); done <- err }()
	eventually(t, func() bool { return len(c.Messages(topic)) == 2 }, "stored, not flushed")
	reply := with("MSG_TYPE", "reply")
	reply.WithProperty("REPLY_TO_CLIENT", asker)
	mustSend(t, p, reply)

	require.ErrorIs(t, <-done, holdfast.ErrOutcomeUnknown)
}

// Requests whose ctx has ended do not use up what other sends need.
func TestRequestsThatEndedAreNotStuck(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithMaxStuck(2))
	mustSend(t, p, order("o-0"))
	for range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
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
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
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

// What a look-up cannot tell is not made up: whoever left between two attempts lies between
// the others in the first copy of their batch.
func TestFoundBatchMakesUpNoOffsets(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic(topic, 1)
	p := start(t, c, impatient, producer.WithLanes(1), producer.WithAttempts(3))
	release, requests := hold(c)
	first := make(chan struct{})
	go func() { defer close(first); mustSend(t, p, order("first")) }()
	eventually(t, func() bool { return requests.Load() == 1 }, "the lane is busy")

	type outcome struct {
		result *primitive.SendResult
		err    error
	}
	outcomes := map[string]chan outcome{}
	ctx, leave := context.WithCancel(t.Context())
	msgs := orders(3)
	for i, msg := range msgs {
		done := make(chan outcome, 1)
		outcomes[msg.GetKeys()] = done
		ctx := map[bool]context.Context{true: ctx, false: soon(t)}[i == 1]
		require.NoError(t, p.SendAsync(ctx, func(_ ctxT, r *primitive.SendResult, err error) { done <- outcome{r, err} }, msg))
	}
	lost := c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if carries(r, "o-") {
			return rmqtest.DropResponse()
		}
		return rmqtest.Pass()
	})
	last := msgs[2].GetProperty("UNIQ_KEY")
	c.Intercept(rmqtest.Query, func(r *rmqtest.Request) rmqtest.Action {
		if r.Ext["key"] == last {
			return rmqtest.Answer(1, "scripted")
		}
		return rmqtest.Pass()
	})
	release()
	<-first
	eventually(t, func() bool { return lost.Hits() == 1 }, "all three are stored")
	leave()
	eventually(t, func() bool { return lost.Hits() == 2 }, "two are stored again")
	mustSend(t, p, orderOf("any", "cover"))

	require.ErrorIs(t, (<-outcomes["o-0001"]).err, holdfast.ErrOutcomeUnknown)
	for _, key := range []string{"o-0000", "o-0002"} {
		got := <-outcomes[key]
		require.NoError(t, got.err)
		if got.result.QueueOffset >= 0 {
			require.Equal(t, key, c.Messages(topic)[got.result.QueueOffset].Keys)
		}
	}
}
