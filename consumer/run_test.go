//go:build !race

package consumer_test

// The official push consumer races with itself while it starts: without -race.

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// running is a consumer whose Run is under way.
type running struct {
	*consumer.Consumer
	cancel context.CancelFunc
	ended  chan error
}

func (r *running) stop(t *testing.T) error {
	t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(2 * patience):
		t.Fatal("Run does not return")
		return nil
	}
}

func consuming(t *testing.T, c *rmqtest.Cluster, h holdfast.Handler, opts ...consumer.Option) *running {
	t.Helper()
	r := begun(t, c.Holdfast(), h, opts...)
	eventually(t, func() bool { return r.Healthy() == nil }, "it runs")
	return r
}

func begun(t *testing.T, c holdfast.Cluster, h holdfast.Handler, opts ...consumer.Option) *running {
	t.Helper()
	made, err := consumer.New(c, "billing", append([]consumer.Option{quiet, fast}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, made.Handle("orders", "*", h))
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{made, cancel, make(chan error, 1)}
	go func() { r.ended <- made.Run(ctx) }()
	t.Cleanup(cancel)
	return r
}

func TestConsumerConsumesAndAcknowledges(t *testing.T) {
	t.Parallel()
	c := orders(t, "one", "two")
	var s seen
	r := consuming(t, c, func(_ context.Context, msg *primitive.MessageExt) error { s.add(msg); return nil })
	put(t, c, "three")
	eventually(t, func() bool { return len(s.all()) == 3 }, "all are consumed, those from before too")
	require.NoError(t, r.stop(t))
	require.EqualValues(t, 3, committed(t, c), "the offsets are the broker's when Run has returned")
	require.ErrorIs(t, r.Healthy(), consumer.ErrNotRunning)
}

// The retry topic of a new group is there before the official client looks for it, which it
// does once in 30 s.
func TestFirstRetryOfANewGroupArrivesSoon(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	c.CreateTopic("orders", 1)
	put(t, c, "bad")
	var s seen
	r := consuming(t, c, failsOnce(&s, func() error { return errDown }))
	deadline := time.After(15 * time.Second)
	for s.count("bad") < 2 {
		select {
		case <-deadline:
			t.Fatal("the retry has not come")
		case <-time.After(5 * time.Millisecond):
		}
	}
	require.NoError(t, r.stop(t))
}

func TestTagsFindTheirHandlers(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	c.CreateTopic("orders", 1)
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	for _, tag := range []string{"paid", "lost", "other", "shipped"} {
		_, err := client.Do(t.Context(), c.Brokers()[0].Addr(), remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
			ProducerGroup: "shop", Topic: "orders", Properties: remoting.EncodeProperties(map[string]string{"TAGS": tag, "UNIQ_KEY": tag}),
		}, []byte(tag)))
		require.NoError(t, err)
	}
	made, err := consumer.New(c.Holdfast(), "billing", quiet, fast)
	require.NoError(t, err)
	var some, lost seen
	require.NoError(t, made.Handle("orders", "paid || shipped", func(_ context.Context, msg *primitive.MessageExt) error { some.add(msg); return nil }))
	require.NoError(t, made.Handle("orders", "lost", func(_ context.Context, msg *primitive.MessageExt) error { lost.add(msg); return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- made.Run(ctx) }()
	eventually(t, func() bool { return len(some.all()) == 2 && len(lost.all()) == 1 }, "each has its own")
	cancel()
	require.NoError(t, <-ended)
	require.ElementsMatch(t, []string{"paid", "shipped"}, some.all())
	require.Equal(t, []string{"lost"}, lost.all())
}

// Topics and name servers that are not there yet are waited for, and Healthy says which.
func TestRunWaitsForWhatItNeeds(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001), rmqtest.WithoutAutoCreateTopics())
	c.NameServer().Stop()
	var s seen
	r := begun(t, c.Holdfast(), func(_ context.Context, msg *primitive.MessageExt) error { s.add(msg); return nil })
	eventually(t, func() bool { err := r.Healthy(); return err != nil && strings.Contains(err.Error(), "route") }, "no name server")
	c.NameServer().Start()
	eventually(t, func() bool {
		refused := (*holdfast.BrokerError)(nil)
		return errors.As(r.Healthy(), &refused)
	}, "no route")
	require.ErrorIs(t, r.Healthy(), consumer.ErrNotRunning)
	c.CreateTopic("orders", 1)
	put(t, c, "one")
	eventually(t, func() bool { return len(s.all()) == 1 }, "then it consumes")
	require.NoError(t, r.Healthy())
	require.NoError(t, r.stop(t))
}

func TestRunEndsBeforeItCouldStart(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.NameServer().Stop()
	r := begun(t, c.Holdfast(), func(context.Context, *primitive.MessageExt) error { return nil })
	eventually(t, func() bool { return strings.Contains(r.Healthy().Error(), "route") }, "it tries")
	require.ErrorIs(t, r.stop(t), context.Canceled)
}

// When ctx ends what runs goes on and is acknowledged, and what has not begun does not begin.
func TestDrainFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	c := orders(t, "running")
	begunRun, release := make(chan struct{}), make(chan struct{})
	var s seen
	r := consuming(t, c, func(_ context.Context, msg *primitive.MessageExt) error {
		s.add(msg)
		close(begunRun) // twice would panic, and be seen
		<-release
		return nil
	}, consumer.WithConcurrency(1))
	<-begunRun
	put(t, c, "waiting")
	r.cancel()
	select {
	case err := <-r.ended:
		t.Fatalf("Run has returned: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(release)
	require.NoError(t, r.stop(t))
	require.Equal(t, []string{"running"}, s.all())
	require.EqualValues(t, 1, committed(t, c))
	require.Empty(t, c.Messages(retryTopic))

	next := consuming(t, c, func(_ context.Context, msg *primitive.MessageExt) error { s.add(msg); return nil })
	eventually(t, func() bool { return len(s.all()) == 2 }, "what was parked is delivered again")
	require.Equal(t, []string{"running", "waiting"}, s.all())
	require.NoError(t, next.stop(t))
}

// After the drain deadline contexts are cancelled; what then fails is not acknowledged.
func TestDrainDeadlineCancelsHandlers(t *testing.T) {
	t.Parallel()
	c := orders(t, "one")
	begunRun := make(chan struct{})
	r := consuming(t, c, func(ctx context.Context, _ *primitive.MessageExt) error {
		close(begunRun)
		<-ctx.Done()
		return ctx.Err()
	}, consumer.WithDrainTimeout(0))
	<-begunRun
	require.NoError(t, r.stop(t))
	require.LessOrEqual(t, committed(t, c), int64(0))
	require.Empty(t, c.Messages(retryTopic), "a drain is no failed attempt")
}

// A handler that obeys nothing does not hold Run up for ever, and its message is delivered
// again, whatever it returns in the end.
func TestRunReportsHandlersThatDoNotEnd(t *testing.T) {
	t.Parallel()
	c := orders(t, "one")
	begunRun, release := make(chan struct{}), make(chan struct{})
	r := consuming(t, c, func(context.Context, *primitive.MessageExt) error {
		close(begunRun)
		<-release
		return nil
	}, consumer.WithDrainTimeout(0))
	<-begunRun
	require.ErrorContains(t, r.stop(t), "1 handlers had not finished")
	close(release)
	var s seen
	next := consuming(t, c, func(_ context.Context, msg *primitive.MessageExt) error { s.add(msg); return nil })
	eventually(t, func() bool { return len(s.all()) == 1 }, "delivered again")
	require.NoError(t, next.stop(t))
}

// A retry whose topic is not subscribed any more is kept, where the official client sends it
// back, does not look whether that was accepted, and forgets it.
func TestARetryOfATopicThatIsNotSubscribedIsKept(t *testing.T) {
	t.Parallel()
	c := orders(t)
	var returned atomic.Int64
	c.Intercept(rmqtest.SendBack, func(*rmqtest.Request) rmqtest.Action {
		returned.Add(1)
		return rmqtest.Answer(remoting.SystemError, "no")
	})
	r := consuming(t, c, func(context.Context, *primitive.MessageExt) error { return nil })
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	for i, properties := range []map[string]string{{"RETRY_TOPIC": "payments", "UNIQ_KEY": "a"}, {"UNIQ_KEY": "b"}} {
		_, err := client.Do(t.Context(), c.Brokers()[0].Addr(), remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
			ProducerGroup: "billing", Topic: retryTopic, ReconsumeTimes: 3, MaxReconsumeTimes: 16, Properties: remoting.EncodeProperties(properties),
		}, []byte(fmt.Sprint("stray ", i))))
		require.NoError(t, err)
	}
	eventually(t, func() bool {
		kept := 0
		for _, m := range c.Messages(retryTopic) {
			if m.Properties[consumer.ReasonProperty] != "" {
				kept++
				require.EqualValues(t, 3, m.ReconsumeTimes, "no attempt is spent")
			}
		}
		return kept >= 2
	}, "copies are kept")
	require.NoError(t, r.stop(t))
	require.Zero(t, returned.Load())
}

// Two members that take different tags lose each other's messages: reported, or refused.
func TestMembersThatSubscribeDifferentlyAreFound(t *testing.T) {
	t.Parallel()
	c := orders(t)
	first := consuming(t, c, func(context.Context, *primitive.MessageExt) error { return nil }, consumer.WithLookInterval(time.Second), consumer.WithMismatchTolerance(0))
	strict, err := consumer.New(c.Holdfast(), "billing", quiet, consumer.WithStrictSubscriptions())
	require.NoError(t, err)
	require.NoError(t, strict.Handle("orders", "paid", func(context.Context, *primitive.MessageExt) error { return nil }))
	require.ErrorContains(t, strict.Run(t.Context()), "subscribe differently")
	require.NoError(t, first.Healthy(), "the strict one never joined")

	other, err := consumer.New(c.Holdfast(), "billing", quiet)
	require.NoError(t, err)
	require.NoError(t, other.Handle("orders", "paid", func(context.Context, *primitive.MessageExt) error { return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- other.Run(ctx) }()
	eventually(t, func() bool {
		err := first.Healthy()
		return err != nil && strings.Contains(err.Error(), "subscribe differently")
	}, "found")
	cancel()
	require.NoError(t, <-ended)
	eventually(t, func() bool { return first.Healthy() == nil }, "it has gone")
	require.NoError(t, first.stop(t))
}

func TestConsumerInOrder(t *testing.T) {
	t.Parallel()
	c := orders(t, "first", "bad", "good")
	var s seen
	r := consuming(t, c, failsOnce(&s, func() error { return errDown }), consumer.InOrder())
	eventually(t, func() bool { return s.count("good") == 1 }, "the last")
	require.Equal(t, []string{"first", "bad", "bad", "good"}, s.all())
	require.NoError(t, r.stop(t))
	require.EqualValues(t, 3, committed(t, c))
}

// With a namespace handlers see bare topics, retried messages included.
func TestConsumerInANamespace(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	c.CreateTopic("ns%orders", 1)
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	_, err := client.Do(t.Context(), c.Brokers()[0].Addr(), remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: "shop", Topic: "ns%orders", Properties: remoting.EncodeProperties(map[string]string{"UNIQ_KEY": "x"}),
	}, []byte("bad")))
	require.NoError(t, err)
	cluster := c.Holdfast()
	cluster.Namespace = "ns"
	var s seen
	topics := make(chan string, 10)
	handle := failsOnce(&s, func() error { return errDown })
	r := begun(t, cluster, func(ctx context.Context, msg *primitive.MessageExt) error {
		topics <- msg.Topic
		return handle(ctx, msg)
	})
	require.Equal(t, "orders", <-topics)
	require.Equal(t, "orders", <-topics)
	require.NoError(t, r.stop(t))
	require.Len(t, c.Messages("%RETRY%ns%billing"), 1)
}

// What is held is bounded by the pull thresholds, however much waits at the broker.
func TestHeldMessagesAreBounded(t *testing.T) {
	t.Parallel()
	const cached, batch = 64, 16
	bodies := make([]string, 400)
	for i := range bodies {
		bodies[i] = fmt.Sprint("order ", i)
	}
	c := orders(t, bodies...)
	var furthest, calls atomic.Int64
	c.Intercept(rmqtest.Pull, func(r *rmqtest.Request) rmqtest.Action {
		if offset, err := strconv.ParseInt(r.Ext["queueOffset"], 10, 64); err == nil && r.Topic == "orders" && offset > furthest.Load() {
			furthest.Store(offset)
		}
		return rmqtest.Pass()
	})
	r := consuming(t, c, func(context.Context, *primitive.MessageExt) error {
		calls.Add(1)
		return holdfast.Hold(20*time.Millisecond, nil)
	}, consumer.WithMaxCached(cached, 1), consumer.WithPullBatch(batch))
	eventually(t, func() bool { return furthest.Load() >= cached && calls.Load() > 1000 }, "as much as may be is held, for long")
	require.LessOrEqual(t, furthest.Load(), int64(cached+2*batch))
	require.NoError(t, r.stop(t))
	require.LessOrEqual(t, committed(t, c), int64(0))
}
