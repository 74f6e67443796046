package producer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// The official client ends the process when the answer to an asynchronous send times out,
// and may call back twice.
func TestAsyncCallsBackOnceWhateverBecomesOfIt(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithAttempts(1))
	var calls atomic.Int64
	outcomes := make(chan error, 2)
	callback := func(ctx context.Context, _ *primitive.SendResult, err error) {
		calls.Add(1)
		if ctx.Err() != nil {
			t.Error("the callback's context has ended")
		}
		outcomes <- err
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	require.NoError(t, p.SendAsync(ctx, callback, order("o-1")))
	require.NoError(t, <-outcomes)

	c.Inject(rmqtest.Send, rmqtest.DropResponse(), 0)
	require.NoError(t, p.SendAsync(ctx, callback, order("o-2")))
	eventually(t, func() bool { return len(c.Messages(topic)) == 2 }, "o-2 is under way")
	cancel()
	require.ErrorIs(t, <-outcomes, holdfast.ErrOutcomeUnknown)
	require.NoError(t, p.Close(soon(t)))
	require.EqualValues(t, 2, calls.Load())
}

func TestAsyncCallbackMayPanic(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	called := make(chan struct{})
	require.NoError(t, p.SendAsync(soon(t), func(context.Context, *primitive.SendResult, error) {
		defer close(called)
		panic("user code")
	}, order("o-1")))
	<-called
	mustSend(t, p, order("o-2"))
	require.NoError(t, p.Healthy())
}

func TestAsyncRefusesBeforeItSends(t *testing.T) {
	t.Parallel()
	p := start(t, rmqtest.New(t))
	never := func(context.Context, *primitive.SendResult, error) { t.Error("called back") }
	require.Error(t, p.SendAsync(soon(t), nil, order("o-1")))
	require.Error(t, p.SendAsync(soon(t), never))
	require.Error(t, p.SendAsync(soon(t), never, nil))
	require.Error(t, p.SendAsync(soon(t), never, primitive.NewMessage("", nil)))
}

// With no room an asynchronous send waits, and is not stored if its ctx ends first.
func TestAsyncWaitsForRoom(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithMaxInFlight(2, 1<<20))
	release, _ := hold(c)
	defer release()
	ignore := func(context.Context, *primitive.SendResult, error) {}
	require.NoError(t, p.SendAsync(soon(t), ignore, order("o-1")))
	require.NoError(t, p.SendAsync(soon(t), ignore, order("o-2")))

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	err := p.SendAsync(ctx, ignore, order("o-3"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)

	third := make(chan error)
	go func() { third <- p.SendAsync(soon(t), ignore, order("o-4")) }()
	release()
	require.NoError(t, <-third)
	require.NoError(t, p.Close(soon(t)))
	require.Equal(t, []string{"o-1", "o-2", "o-4"}, keysSorted(c))
}

func TestOneWayTellsTheTruth(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	require.NoError(t, p.SendOneWay(soon(t), order("o-1")))
	require.Equal(t, []string{"o-1"}, keysSorted(c))
	c.Inject(rmqtest.Send, rmqtest.Answer(13, "illegal"), 1)
	require.ErrorIs(t, p.SendOneWay(soon(t), order("o-2")), &holdfast.BrokerError{Code: 13})
}
