package conformance

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Our consumer as a whole: what becomes of a message whose handler returns this or that.
var consuming = []Scenario{
	{Name: "FailedMessageComesBackCounted", Queues: 1, Run: failedMessageComesBackCounted},
	{Name: "RejectedMessageIsDeadAtOnce", Queues: 1, Run: rejectedMessageIsDeadAtOnce},
	{Name: "LastAttemptIsDead", Queues: 1, Run: lastAttemptIsDead},
	{Name: "HeldMessageSpendsNoAttempt", Queues: 1, Run: heldMessageSpendsNoAttempt},
	{Name: "PausedHandlerSpendsNoAttempt", Queues: 1, Run: pausedHandlerSpendsNoAttempt},
	{Name: "CopyRefusedAcknowledgesNothing", Queues: 1, Run: copyRefusedAcknowledgesNothing},
	{Name: "FailedMessageHoldsItsQueueInOrder", Queues: 1, Run: failedMessageHoldsItsQueueInOrder},
	{Name: "DrainAcknowledgesWhatFinished", Queues: 1, Run: drainAcknowledgesWhatFinished},
	{Name: "CancelledDrainAcknowledgesNothing", Queues: 1, Run: cancelledDrainAcknowledgesNothing},
}

var errScripted = errors.New("scripted")

// run is a consumer of ours that runs, of the scenario's group.
type run struct {
	handled
	on     *World
	cancel context.CancelFunc
	ended  chan error
}

func (on *World) consume(h holdfast.Handler, opts ...consumer.Option) *run {
	on.t.Helper()
	c, err := consumer.New(on.Cluster(), on.group, append([]consumer.Option{
		consumer.WithLogger(slog.New(slog.DiscardHandler)), consumer.WithBackoff(20*time.Millisecond, 100*time.Millisecond),
	}, opts...)...)
	require.NoError(on.t, err)
	r := &run{on: on, ended: make(chan error, 1)}
	require.NoError(on.t, c.Handle(on.topic, "*", func(ctx context.Context, m *primitive.MessageExt) error {
		r.add(m)
		return h(ctx, m)
	}))
	var ctx context.Context
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(on.t.Context()))
	go func() { r.ended <- c.Run(ctx) }()
	on.t.Cleanup(r.cancel)
	on.eventually(func() bool { return c.Healthy() == nil }, "it runs")
	return r
}

// drains ends the consumer and returns what Run did.
func (r *run) drains() error {
	r.on.t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		require.FailNow(r.on.t, "Run does not return")
		return nil
	}
}

func failedMessageComesBackCounted(t *testing.T, on *World) {
	id := newID()
	on.mustSend(message{body: "again", properties: map[string]string{"UNIQ_KEY": id, "KEYS": "k", "TAGS": "a"}})
	got := on.consume(func(_ context.Context, m *primitive.MessageExt) error {
		if m.ReconsumeTimes < 2 {
			return holdfast.RetryAfter(time.Second, errScripted)
		}
		return nil
	})
	on.gets(3, &got.handled)
	for i, m := range got.all() {
		require.EqualValues(t, i, m.ReconsumeTimes)
		require.Equal(t, on.topic, m.Topic, "the original topic")
		require.Equal(t, id, holdfast.MessageID(m))
		require.Equal(t, "k", m.GetKeys())
		require.Equal(t, "a", m.GetTags())
		require.Equal(t, "again", string(m.Body))
	}
	require.NoError(t, got.drains())
	require.EqualValues(t, 1, on.committed())
	require.Len(t, on.stored(on.retryName()), 2)
	require.Empty(t, on.stored(on.deadName()))
}

func rejectedMessageIsDeadAtOnce(t *testing.T, on *World) {
	on.mustSend(message{body: "never", properties: map[string]string{"UNIQ_KEY": newID()}})
	on.mustSend(message{body: "next"})
	got := on.consume(func(_ context.Context, m *primitive.MessageExt) error {
		if string(m.Body) == "never" {
			return holdfast.Reject(errScripted)
		}
		return nil
	})
	dead := on.storedOne(on.deadName())
	require.Equal(t, "never", string(dead.Body))
	require.Equal(t, "scripted", dead.Properties[consumer.ReasonProperty])
	require.NoError(t, got.drains())
	require.EqualValues(t, 2, on.committed())
	require.ElementsMatch(t, []string{"never", "next"}, got.bodies())
	require.Empty(t, on.stored(on.retryName()))
}

func lastAttemptIsDead(t *testing.T, on *World) {
	on.mustSend(message{body: "dead"})
	got := on.consume(func(context.Context, *primitive.MessageExt) error {
		return holdfast.RetryAfter(time.Second, errScripted)
	}, consumer.WithMaxAttempts(2))
	require.Equal(t, "dead", string(on.storedOne(on.deadName()).Body))
	require.Len(t, got.all(), 2)
	require.NoError(t, got.drains())
}

// Held more often than it has attempts, its count is that of the attempts that failed.
func heldMessageSpendsNoAttempt(t *testing.T, on *World) {
	on.mustSend(message{body: "not yet"})
	n := 0
	got := on.consume(func(context.Context, *primitive.MessageExt) error {
		n++ // one at a time: it is one message
		switch {
		case n < 20: // more than the attempts it has
			return holdfast.Hold(10*time.Millisecond, errScripted)
		case n == 20:
			return holdfast.RetryAfter(time.Second, errScripted)
		}
		return nil
	})
	on.gets(21, &got.handled)
	require.NoError(t, got.drains())
	for i, m := range got.all() {
		require.EqualValues(t, i/20, m.ReconsumeTimes, "run %d", i)
	}
	require.EqualValues(t, 1, on.committed())
	require.Empty(t, on.stored(on.deadName()))
}

// A handler that pauses is asked with one message at a time, and the others wait.
func pausedHandlerSpendsNoAttempt(t *testing.T, on *World) {
	on.fill(plain(numbered(10))...)
	back := make(chan struct{})
	var done atomic.Int64
	got := on.consume(func(context.Context, *primitive.MessageExt) error {
		select {
		case <-back:
			done.Add(1)
			return nil
		default:
			return holdfast.Pause(errScripted)
		}
	}, consumer.WithMaxAttempts(1))
	on.eventually(func() bool { return len(got.all()) >= 15 }, "it is asked again")
	require.Zero(t, on.committed())
	close(back)
	on.eventually(func() bool { return done.Load() == 10 }, "everything is handled")
	require.NoError(t, got.drains())
	require.EqualValues(t, 10, on.committed())
	for _, m := range got.all() {
		require.Zero(t, m.ReconsumeTimes)
	}
	require.Empty(t, on.stored(on.retryName()))
	require.Empty(t, on.stored(on.deadName()))
}

// What cannot be copied is not acknowledged; its handler is not called again for that.
func copyRefusedAcknowledgesNothing(t *testing.T, on *World) {
	on.mustSend(message{body: "again"})
	refused := on.Intercept(fault.Send, func(r *fault.Request) fault.Action {
		if r.Topic == on.retryName() {
			return fault.Answer(remoting.SystemError, "scripted")
		}
		return fault.Pass()
	})
	t.Cleanup(refused.Remove)
	got := on.consume(func(_ context.Context, m *primitive.MessageExt) error {
		if m.ReconsumeTimes == 0 {
			return holdfast.RetryAfter(time.Second, errScripted)
		}
		return nil
	})
	on.eventually(func() bool { return refused.Hits() >= 3 }, "copies are refused")
	require.NoError(t, got.drains())
	require.Zero(t, on.committed())
	require.Len(t, got.all(), 1)

	refused.Remove()
	next := on.consume(func(_ context.Context, m *primitive.MessageExt) error {
		if m.ReconsumeTimes == 0 {
			return holdfast.RetryAfter(time.Second, errScripted)
		}
		return nil
	})
	on.gets(2, &next.handled)
	require.NoError(t, next.drains())
	require.EqualValues(t, 1, on.committed())
}

func failedMessageHoldsItsQueueInOrder(t *testing.T, on *World) {
	on.fill(plain(numbered(5))...)
	failed := 0
	got := on.consume(func(_ context.Context, m *primitive.MessageExt) error {
		if string(m.Body) == "body 2" && failed < 3 {
			failed++
			return errScripted
		}
		return nil
	}, consumer.InOrder())
	on.gets(8, &got.handled)
	require.NoError(t, got.drains())
	want := []string{"body 0", "body 1"}
	for range 4 {
		want = append(want, "body 2")
	}
	require.Equal(t, append(want, "body 3", "body 4"), got.bodies())
	require.EqualValues(t, 5, on.committed())
	require.Empty(t, on.stored(on.retryName()))
}

// What runs when a drain begins is finished and acknowledged, what has not begun is not begun.
func drainAcknowledgesWhatFinished(t *testing.T, on *World) {
	on.fill(plain(numbered(10))...)
	const slots = 3
	goOn := make(chan struct{})
	got := on.consume(func(context.Context, *primitive.MessageExt) error {
		<-goOn
		return nil
	}, consumer.WithConcurrency(slots))
	on.gets(slots, &got.handled)
	got.cancel()
	time.AfterFunc(shortly, func() { close(goOn) }) // they end in the drain, whenever that has begun
	require.NoError(t, got.drains())
	require.Len(t, got.all(), slots)
	require.EqualValues(t, slots, on.committed())
	require.Empty(t, on.stored(on.retryName()), "a drain is no failure")

	rest := on.consume(func(context.Context, *primitive.MessageExt) error { return nil })
	on.gets(10-slots, &rest.handled)
	require.NoError(t, rest.drains())
	require.Len(t, rest.all(), 10-slots, "nothing is done again")
}

// Handlers that are still at work when the time of a drain is over are cancelled; what they
// return then counts for nothing.
func cancelledDrainAcknowledgesNothing(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	got := on.consume(func(ctx context.Context, m *primitive.MessageExt) error {
		if n, _ := strconv.Atoi(string(m.Body[len("body "):])); n == 0 {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}, consumer.WithDrainTimeout(0))
	on.gets(3, &got.handled)
	require.NoError(t, got.drains())
	require.EqualValues(t, 1, on.committed())
	require.Empty(t, on.stored(on.retryName()))
}
