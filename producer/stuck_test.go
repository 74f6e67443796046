package producer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// scripted is an official producer that asks before it sends.
type scripted struct {
	rocketmq.Producer
	before func(msgs []*primitive.Message)
}

func (s *scripted) SendSync(ctx context.Context, msgs ...*primitive.Message) (*primitive.SendResult, error) {
	s.before(msgs)
	return s.Producer.SendSync(context.WithoutCancel(ctx), msgs...) // who was stuck sends after all
}

func (s *scripted) Request(ctx context.Context, ttl time.Duration, msg *primitive.Message) (*primitive.Message, error) {
	s.before([]*primitive.Message{msg})
	return s.Producer.Request(ctx, ttl, msg)
}

// startScripted starts a producer that gives up an attempt after little more than stuckGrace.
func startScripted(t *testing.T, c *rmqtest.Cluster, before func([]*primitive.Message), opts ...Option) *Producer {
	t.Helper()
	opts = append([]Option{
		WithLogger(slog.New(slog.DiscardHandler)), WithAttemptTimeout(50 * time.Millisecond), WithBackoff(0, 0),
	}, opts...)
	p, err := New(c.Holdfast(), "shop", opts...)
	require.NoError(t, err)
	p.officialProducer = &scripted{p.officialProducer, before}
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })
	return p
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 5*time.Millisecond, what)
}

// A panic of the official client may have come before the request or after it.
func TestPanicOfTheOfficialClientIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := startScripted(t, c, func([]*primitive.Message) { panic("a bug") }, WithAttempts(1))
	_, err := p.Send(within(t, time.Minute), primitive.NewMessage("orders", []byte("x")))
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.ErrorContains(t, err, "a bug")
	_, err = p.Request(within(t, time.Minute), time.Second, primitive.NewMessage("orders", []byte("x")))
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.NoError(t, p.Close(within(t, time.Minute)))
}

// An attempt that does not come back is left behind, and goes its own way: the next one has
// messages of its own, under the same id.
func TestStuckAttemptIsLeftBehindAndStoresLater(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	gate := make(chan struct{})
	var attempts atomic.Int64
	var first atomic.Pointer[primitive.Message]
	p := startScripted(t, c, func(msgs []*primitive.Message) {
		if attempts.Add(1) == 1 {
			first.Store(msgs[0])
			<-gate
			return
		}
		require.NotSame(t, first.Load(), msgs[0])
	})
	msg := primitive.NewMessage("orders", make([]byte, 8<<10)) // the official client writes to what it compresses
	_, err := p.Send(within(t, time.Minute), msg)
	require.NoError(t, err)
	require.EqualValues(t, 1, p.stuck.Load())
	require.Len(t, c.Messages("orders"), 1)

	close(gate)
	eventually(t, func() bool { return len(c.Messages("orders")) == 2 && p.stuck.Load() == 0 }, "the stuck attempt has come back")
	for _, m := range c.Messages("orders") {
		require.Equal(t, msg.GetProperty("UNIQ_KEY"), m.UniqueKey)
	}
}

// Where order matters a stuck attempt is waited for, and its caller is not held up by that.
func TestStuckAttemptOfAKeyIsNotOvertaken(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	gate := make(chan struct{})
	var mu sync.Mutex
	var running, most int
	var order []string
	p := startScripted(t, c, func(msgs []*primitive.Message) {
		mu.Lock()
		running++
		most = max(most, running)
		for _, msg := range msgs {
			order = append(order, msg.GetKeys())
		}
		mu.Unlock()
		<-gate
		mu.Lock()
		running--
		mu.Unlock()
	})
	keyed := func(id string) *primitive.Message {
		return primitive.NewMessage("orders", []byte(id)).WithKeys([]string{id}).WithShardingKey("customer")
	}
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := p.Send(ctx, keyed("o-1")); first <- err }()
	eventually(t, func() bool { return p.stuck.Load() == 1 }, "the attempt counts as stuck")
	leave()
	require.ErrorIs(t, <-first, holdfast.ErrOutcomeUnknown)
	second := make(chan error, 1)
	go func() { _, err := p.Send(within(t, time.Minute), keyed("o-2")); second <- err }()
	eventually(t, func() bool { return p.InFlight() == 2 }, "o-2 waits")

	close(gate)
	require.NoError(t, <-second)
	require.Zero(t, p.stuck.Load())
	mu.Lock()
	defer mu.Unlock()
	require.Equal(t, 1, most, "one attempt at a time")
	require.Equal(t, []string{"o-1", "o-2"}, order)
}

// At the bound nobody's further attempts are stuck either.
func TestStuckAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	gate := make(chan struct{})
	var attempts atomic.Int64
	p := startScripted(t, c, func([]*primitive.Message) { attempts.Add(1); <-gate }, WithMaxStuck(1), WithAttempts(5))
	_, err := p.Send(within(t, time.Minute), primitive.NewMessage("orders", []byte("x")))
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.ErrorIs(t, err, ErrStuck)
	require.EqualValues(t, 1, attempts.Load())
	close(gate)
	eventually(t, func() bool { return p.Healthy() == nil }, "the attempt comes back")
}

// Close waits for what was left behind too: it may store its message yet.
func TestCloseWaitsForStuckAttempts(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]time.Duration{"until they come back": time.Minute, "until its ctx ends": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rmqtest.New(t)
			gate := make(chan struct{})
			open := sync.OnceFunc(func() { close(gate) })
			defer open()
			p := startScripted(t, c, func([]*primitive.Message) { <-gate }, WithAttempts(1))
			_, err := p.Send(within(t, time.Minute), primitive.NewMessage("orders", []byte("x")))
			require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)

			closed := make(chan error, 1)
			go func() { closed <- p.Close(within(t, patience)) }()
			if patience < time.Minute {
				require.ErrorContains(t, <-closed, "1 attempts are stuck")
				return
			}
			eventually(t, func() bool { return p.Healthy() == ErrClosed }, "closing")
			require.Empty(t, closed)
			open()
			require.NoError(t, <-closed)
			require.Len(t, c.Messages("orders"), 1)
		})
	}
}

// What an attempt before a split was given may still be in use.
func TestPartsOfABatchSendClones(t *testing.T) {
	t.Parallel()
	l := &lane{producer: &Producer{}}
	var tasks []*task
	for range 4 {
		tasks = append(tasks, &task{messages: []*primitive.Message{primitive.NewMessage("orders", []byte("x"))}})
	}
	b := newBatch(tasks, 0)
	l.begin(b)
	b.sendsTo("broker-a")
	tasks[0].stage = left
	part := b.regroup(tasks[:2], true, nil)
	require.True(t, part.doubt)
	require.Equal(t, b.sentTo, part.sentTo, "where a look-up has to ask")
	require.Equal(t, 1, part.alive)
	part.members = part.tasks[:1]
	require.NotSame(t, tasks[0].messages[0], part.requestTo(remoting.Queue{})[0])
}

// A worker that waits for something to send keeps no message from being forgotten.
func TestASpareWorkerHoldsNoBatch(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	p := startScripted(t, c, func([]*primitive.Message) {})
	_, err := p.Send(t.Context(), primitive.NewMessage("orders", []byte("m")))
	require.NoError(t, err)
	l := p.lanes.of(p, "orders", nil, false)
	var spare []*worker
	eventually(t, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		spare = l.spare
		return len(spare) == 1
	}, "it waits")
	require.Nil(t, spare[0].batch)
}
