package consumer

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

var somewhere = holdfast.Cluster{NameServers: []string{"127.0.0.1:1"}}

func nothing(context.Context, *primitive.MessageExt) error { return nil }

func made(t *testing.T, opts ...Option) *Consumer {
	t.Helper()
	c, err := New(somewhere, "billing", append([]Option{WithLogger(slog.New(slog.DiscardHandler))}, opts...)...)
	require.NoError(t, err)
	return c
}

func TestNewComplainsOnceAboutEverything(t *testing.T) {
	t.Parallel()
	_, err := New(holdfast.Cluster{AccessKey: "a"}, "bad group", WithConcurrency(0), WithPullBatch(5000), WithMaxCached(0, 2000),
		FromLast(), FromTime(time.Now()), WithDrainTimeout(-1), WithMismatchTolerance(-1), WithLookInterval(0),
		WithHandlerTimeout(0), WithMaxAttempts(-1), WithBackoff(2, 1), WithLogger(nil), WithCopyAttempts(0))
	for _, word := range []string{
		"NameServers", "SecretKey", "group", "WithConcurrency", "WithPullBatch", "WithMaxCached: messages", "WithMaxCached: MiB",
		"FromLast", "WithDrainTimeout", "WithMismatchTolerance", "WithLookInterval", "WithHandlerTimeout", "WithMaxAttempts",
		"WithBackoff", "WithLogger", "WithCopyAttempts",
	} {
		require.ErrorContains(t, err, word)
	}
}

func TestNewRefusesWhatTheOfficialClientWouldRefuse(t *testing.T) {
	t.Parallel()
	_, err := New(somewhere, "DEFAULT_CONSUMER")
	require.ErrorContains(t, err, "DEFAULT_CONSUMER")
	dotted := somewhere
	dotted.Namespace = "a.b"
	_, err = New(dotted, "billing")
	require.ErrorContains(t, err, "Namespace")
}

// A handler may do what it likes with its message: the official client and copies go by the
// topic.
func TestAHandlerCannotChangeWhereItsMessageBelongs(t *testing.T) {
	t.Parallel()
	var s stored
	msg := pulled(7)
	topic := msg.Topic
	e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
		msg.Topic = "elsewhere"
		return errNo
	}, into(&s))
	<-deliver(concurrent(), e, msg)
	require.Equal(t, topic, msg.Topic)
	require.Len(t, s.all(), 1)
}

func TestHandleRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		topic, tags string
		h           holdfast.Handler
		word        string
	}{
		"no topic":              {"", "*", nothing, "topic is empty"},
		"a retry topic":         {"%RETRY%billing", "*", nothing, "retry topic"},
		"no handler":            {"payments", "*", nil, "handler is nil"},
		"no tag":                {"payments", "||", nothing, "no tag"},
		"a tag of two":          {"orders", "refunded || paid", nothing, "overlaps"},
		"all beside some":       {"orders", "*", nothing, "overlaps"},
		"some beside all":       {"refunds", "a", nothing, "overlaps"},
		"all beside all, empty": {"refunds", "", nothing, "overlaps"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := made(t)
			require.NoError(t, c.Handle("orders", "paid || shipped", nothing))
			require.NoError(t, c.Handle("orders", "lost", nothing), "other tags of the topic")
			require.NoError(t, c.Handle("refunds", "*", nothing))
			require.ErrorContains(t, c.Handle(row.topic, row.tags, row.h), row.word)
			require.ErrorContains(t, c.Run(t.Context()), row.word, "for whoever does not look at Handle's error")
		})
	}
}

func TestRunWantsHandlersAndWorksOnce(t *testing.T) {
	t.Parallel()
	c := made(t)
	require.ErrorIs(t, c.Healthy(), ErrNotRunning)
	require.ErrorContains(t, c.Run(t.Context()), "no handlers")

	c = made(t)
	c.Use(nil)
	require.NoError(t, c.Handle("orders", "*", nothing))
	require.ErrorContains(t, c.Run(t.Context()), "middleware is nil")

	c = made(t)
	require.NoError(t, c.Handle("orders", "*", nothing))
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	require.ErrorIs(t, c.Run(ctx), gone)
	require.ErrorContains(t, c.Run(t.Context()), "called before")
	require.ErrorContains(t, c.Handle("payments", "*", nothing), "after Run")
	require.ErrorIs(t, c.Healthy(), ErrNotRunning)
}

// The first middleware is outermost, and each handler has its own chain.
func TestMiddlewareGoesAroundEveryHandler(t *testing.T) {
	t.Parallel()
	var calls []string
	named := func(name string) holdfast.Middleware {
		return func(next holdfast.Handler) holdfast.Handler {
			return func(ctx context.Context, msg *primitive.MessageExt) error {
				calls = append(calls, name)
				return next(ctx, msg)
			}
		}
	}
	c := made(t)
	require.NoError(t, c.Handle("orders", "paid", nothing))
	require.NoError(t, c.Handle("orders", "lost", nothing))
	c.Use(named("a"), named("b"))
	c.Use(named("c"))
	require.NoError(t, c.enter())
	msg := &primitive.MessageExt{}
	msg.Topic = "orders"
	msg.WithTag("lost")
	to, err := c.route(msg)
	require.NoError(t, err)
	require.NoError(t, to.handle(t.Context(), msg))
	require.Equal(t, []string{"a", "b", "c"}, calls)
	require.Equal(t, map[string]string{"orders": "lost || paid"}, c.handlers.expressions())
}

// What nobody handles is an error, and a topic that is not subscribed waits without an attempt.
func TestWhatNobodyHandlesIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	c := made(t)
	require.NoError(t, c.Handle("orders", "paid", nothing))
	require.NoError(t, c.enter())
	msg := &primitive.MessageExt{}
	msg.Topic = "orders"
	msg.WithTag("lost")
	_, err := c.route(msg)
	require.ErrorContains(t, err, `tag "lost"`)
	require.NotErrorAs(t, err, new(*holdfast.Verdict))

	msg.Topic = "payments"
	_, err = c.route(msg)
	var verdict *holdfast.Verdict
	require.ErrorAs(t, err, &verdict)
	require.Equal(t, holdfast.VerdictHold, verdict.Kind)
}

func TestMismatchesMakeUnhealthyWhenTheyLast(t *testing.T) {
	t.Parallel()
	c := made(t, WithMismatchTolerance(time.Minute))
	c.state, c.watch = running, &watch{}
	require.NoError(t, c.Healthy())
	c.watch.note([]Mismatch{{"client", "orders", "a", "b"}})
	require.NoError(t, c.Healthy(), "a deployment may be going on")
	c.watch.since = time.Now().Add(-2 * time.Minute)
	require.ErrorContains(t, c.Healthy(), "subscribe differently")
	c.watch.note(nil)
	require.NoError(t, c.Healthy())
}
