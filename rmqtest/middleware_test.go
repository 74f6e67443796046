package rmqtest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func received() *primitive.MessageExt {
	msg := &primitive.MessageExt{}
	msg.Topic, msg.Body = "orders", []byte("one")
	msg.WithProperty("UNIQ_KEY", "id")
	return msg
}

func TestDeliverTwice(t *testing.T) {
	t.Parallel()
	var contexts []context.Context
	workDone := 0
	handle := rmqtest.DeliverTwice(func(ctx context.Context, msg *primitive.MessageExt) error {
		require.Equal(t, len(contexts), workDone, "the work of the first has ended")
		require.Equal(t, "one", string(msg.Body))
		require.Equal(t, "id", holdfast.MessageID(msg))
		require.Empty(t, msg.GetProperty("seen"), "a message of its own")
		msg.Body[0] = 'X'
		msg.WithProperty("seen", "yes")
		contexts = append(contexts, ctx)
		holdfast.Go(ctx, func(context.Context) error { workDone++; return nil })
		return nil
	})
	require.NoError(t, handle(t.Context(), received()))
	require.Equal(t, 2, workDone)
	for _, ctx := range contexts {
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	}
}

func TestDeliverTwiceReturnsWhatFailed(t *testing.T) {
	t.Parallel()
	for fails := range 2 {
		calls := 0
		err := rmqtest.DeliverTwice(func(ctx context.Context, _ *primitive.MessageExt) error {
			calls++
			if calls == fails+1 {
				holdfast.Go(ctx, func(context.Context) error { return holdfast.Pause(nil) })
			}
			return nil
		})(t.Context(), received())
		var verdict *holdfast.Verdict
		require.ErrorAs(t, err, &verdict)
		require.Equal(t, fails+1, calls)
	}
}

// errorsOf is a test that can be looked at.
type errorsOf struct {
	mu      sync.Mutex
	texts   []string
	cleanup []func()
}

func (e *errorsOf) Helper()          {}
func (e *errorsOf) Cleanup(f func()) { e.cleanup = append(e.cleanup, f) }

func (e *errorsOf) Errorf(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts = append(e.texts, fmt.Sprintf(format, args...))
}

func (e *errorsOf) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.texts
}

// A bare go that uses the handler's context fails the test, whatever it asks of it.
func TestNoLateUseCatchesTheBareGo(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(ctx context.Context){
		"Err":      func(ctx context.Context) { _ = ctx.Err() },
		"Done":     func(ctx context.Context) { <-ctx.Done() },
		"Value":    func(ctx context.Context) { ctx.Value("key") },
		"Deadline": func(ctx context.Context) { ctx.Deadline() },
		"derived": func(ctx context.Context) {
			_, cancel := context.WithTimeout(ctx, time.Second)
			cancel()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var seen errorsOf
			handle := rmqtest.NoLateUse(&seen)(func(ctx context.Context, _ *primitive.MessageExt) error {
				go func() {
					time.Sleep(time.Second)
					use(ctx)
					use(ctx)
				}()
				return nil
			})
			require.NoError(t, handle(t.Context(), received()))
			require.Empty(t, seen.all())
			time.Sleep(time.Minute)
			synctest.Wait()
			require.Len(t, seen.all(), 1, "%s: once for a message", name)
			require.Contains(t, seen.all()[0], "message id: the handler's context is used after")
			require.Contains(t, seen.all()[0], "middleware_test.go", "where")
		})
	}
}

// What is done as it should be is not complained of.
func TestNoLateUseLetsRightUsePass(t *testing.T) {
	t.Parallel()
	errWork := errors.New("work")
	synctest.Test(t, func(t *testing.T) {
		var seen errorsOf
		handle := rmqtest.NoLateUse(&seen)(func(ctx context.Context, _ *primitive.MessageExt) error {
			kept, cancel := context.WithTimeout(ctx, time.Hour) // cancelled by the end alone
			defer func() { _ = cancel }()
			context.AfterFunc(kept, func() {})
			holdfast.Go(ctx, func(ctx context.Context) error {
				time.Sleep(time.Second)
				require.NoError(t, ctx.Err())
				return errWork
			})
			return nil
		})
		require.ErrorIs(t, handle(t.Context(), received()), errWork)
		synctest.Wait()
		require.Empty(t, seen.all())
	})
}

// After the test nothing is reported, because a test must not be failed then.
func TestNoLateUseEndsWithTheTest(t *testing.T) {
	t.Parallel()
	var seen errorsOf
	var late context.Context
	handle := rmqtest.NoLateUse(&seen)(func(ctx context.Context, _ *primitive.MessageExt) error { late = ctx; return nil })
	require.NoError(t, handle(t.Context(), received()))
	for _, f := range seen.cleanup {
		f()
	}
	require.Error(t, late.Err())
	require.Empty(t, seen.all())
}
