package producer_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestNewComplainsOnceAboutEverything(t *testing.T) {
	t.Parallel()
	_, err := producer.New(holdfast.Cluster{AccessKey: "a"}, "bad group",
		producer.WithAttempts(0), producer.WithLanes(0), producer.WithAttemptTimeout(time.Minute), producer.WithLogger(nil),
		producer.WithMaxInFlight(0, 0), producer.WithMaxBatchBytes(0), producer.WithMaxMessageSize(0), producer.WithMaxStuck(0), producer.WithCompressFrom(0),
		producer.WithBackoff(2, 1), producer.WithQueues(topic, nil))
	require.Error(t, err)
	for _, word := range []string{
		"NameServers", "SecretKey", "group", "WithAttempts", "WithLanes", "WithAttemptTimeout", "WithLogger", "WithMaxInFlight: messages",
		"WithMaxInFlight: bytes", "WithMaxBatchBytes", "WithMaxMessageSize", "WithMaxStuck", "WithCompressFrom", "WithBackoff", "WithQueues",
	} {
		require.ErrorContains(t, err, word)
	}
}

// The official client's second Start returns nil whatever the first one said.
func TestStartTellsTheTruthEveryTime(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.NameServer().Stop()
	p := create(t, c)

	require.ErrorContains(t, p.Start(), "no name server")
	require.ErrorContains(t, p.Start(), "no name server")
	require.ErrorIs(t, p.Healthy(), producer.ErrNotStarted)
	c.NameServer().Start()
	require.NoError(t, p.Start())
	require.NoError(t, p.Start(), "it is running")
	require.NoError(t, p.Healthy())
	mustSend(t, p, order("o-1"))

	require.NoError(t, p.Shutdown())
	require.NoError(t, p.Shutdown())
	require.ErrorIs(t, p.Start(), producer.ErrClosed)
	require.ErrorIs(t, p.Healthy(), producer.ErrClosed)
}

type preflight struct {
	err    error
	topics []string
}

func (f *preflight) Check(_ context.Context, topics ...string) error {
	f.topics = topics
	return f.err
}

func TestStartRunsThePreflight(t *testing.T) {
	t.Parallel()
	check := &preflight{err: errors.New("ASYNC_FLUSH")}
	p := create(t, rmqtest.New(t), producer.WithPreflight(check, topic))
	require.ErrorIs(t, p.Start(), check.err)
	require.Equal(t, []string{topic}, check.topics)
	_, err := p.Send(soon(t), order("o-1"))
	require.ErrorIs(t, err, producer.ErrNotStarted)

	check.err = nil
	require.NoError(t, p.Start())
	mustSend(t, p, order("o-1"))
}

func TestSendsOutsideOfStartAndShutdownAreNotStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := create(t, c)
	for _, want := range []error{producer.ErrNotStarted, producer.ErrClosed} {
		_, err := p.Send(soon(t), order("o-1"))
		require.ErrorIs(t, err, want)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
		_, err = p.SendSync(soon(t), order("o-1"))
		require.ErrorIs(t, err, want)
		require.ErrorIs(t, p.SendOneWay(soon(t), order("o-1")), want)
		require.ErrorIs(t, p.SendAsync(soon(t), func(ctxT, *primitive.SendResult, error) {}, order("o-1")), want)
		_, err = p.Request(soon(t), time.Second, order("o-1"))
		require.ErrorIs(t, err, want)
		_, _, err = p.Resolve(soon(t), topic, "id")
		require.ErrorIs(t, err, want)
		require.NoError(t, p.Shutdown())
	}
	require.Empty(t, c.Messages(topic))
}

// The official client's Shutdown leaves what is in flight to time out.
func TestShutdownWaitsForWhatIsInFlight(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests := hold(c)
	sent := make(chan error, 1)
	go func() { _, err := p.Send(soon(t), order("o-1")); sent <- err }()
	eventually(t, func() bool { return requests.Load() == 1 }, "in flight")

	down := make(chan error, 1)
	go func() { down <- p.Shutdown() }()
	eventually(t, func() bool { return errors.Is(p.Healthy(), producer.ErrClosed) }, "closing")
	_, err := p.Send(soon(t), order("o-2"))
	require.ErrorIs(t, err, producer.ErrClosed)
	require.Empty(t, down, "it waits")
	release()
	require.NoError(t, <-sent)
	require.NoError(t, <-down)
	require.Equal(t, []string{"o-1"}, keysSorted(c))
}

func TestCloseReportsWhatItAbandons(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests := hold(c)
	defer release()
	sent := make(chan error, 2)
	send := func(msg *primitive.Message) { _, err := p.Send(soon(t), msg); sent <- err }
	go send(orderOf("customer", "o-1"))
	eventually(t, func() bool { return requests.Load() == 1 }, "o-1 is in flight")
	queued := orderOf("customer", "o-2")
	go send(queued)
	eventually(t, func() bool { return queued.GetProperty("UNIQ_KEY") != "" && p.InFlight() == 2 }, "o-2 waits behind it")

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorContains(t, p.Close(ctx), "2 messages were in flight")

	unknown := 0
	for range 2 {
		err := <-sent
		require.Error(t, err)
		if errors.Is(err, holdfast.ErrOutcomeUnknown) {
			unknown++
		}
	}
	require.Equal(t, 1, unknown, "o-1 may be stored, o-2 certainly not")
}

// Shutting a producer down that never started, or that has a twin of the same group, takes
// nothing from others.
func TestProducersOfOneProcessShareNothing(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	one, two, idle := start(t, c), start(t, c), create(t, c)
	mustSend(t, one, order("o-1"))
	mustSend(t, two, order("o-2"))
	require.NoError(t, idle.Shutdown())
	require.NoError(t, two.Shutdown())
	mustSend(t, one, order("o-3"))
}

func TestNothingOfOursRunsAfterClose(t *testing.T) {
	c := rmqtest.New(t)
	p := start(t, c)
	sendAll(t, p, orders(50)...)
	require.NoError(t, p.Close(soon(t)))
	ours := func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		for stack := range strings.SplitSeq(string(stacks), "\n\n") {
			if strings.Contains(stack, "created by github.com/holdfast-mq/holdfast/producer.") ||
				strings.Contains(stack, "created by github.com/holdfast-mq/holdfast/internal/send.") {
				return false
			}
		}
		return true
	}
	eventually(t, ours, "goroutines are gone")
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
