package holdfast_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestWaitWaitsForWorkThatStartsWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, work := holdfast.WithWork(t.Context())
		release, waited := make(chan struct{}), make(chan error, 1)
		errInner := errors.New("inner")
		holdfast.Go(ctx, func(ctx context.Context) error {
			<-release
			holdfast.Go(ctx, func(context.Context) error { return errInner })
			return errDown
		})
		go func() { waited <- work.Wait() }()
		synctest.Wait()
		require.Empty(t, waited, "something runs")
		close(release)
		err := <-waited
		require.ErrorIs(t, err, errDown)
		require.ErrorIs(t, err, errInner)
	})
}

func TestWorkGetsItsContext(t *testing.T) {
	t.Parallel()
	outer, work := holdfast.WithWork(context.WithValue(t.Context(), key{}, "there"))
	ctx, cancel := context.WithCancel(outer)
	cancel()
	holdfast.Go(ctx, func(ctx context.Context) error {
		if ctx.Value(key{}) != "there" {
			return errors.New("not the same context")
		}
		return ctx.Err()
	})
	require.EqualError(t, work.Wait(), "context canceled")
}

type key struct{}

func TestPanicAndGoexitOfWorkAreErrors(t *testing.T) {
	t.Parallel()
	ctx, work := holdfast.WithWork(t.Context())
	holdfast.Go(ctx, func(context.Context) error { panic("boom") })
	holdfast.Go(ctx, func(context.Context) error { runtime.Goexit(); return nil })
	err := work.Wait()
	require.ErrorContains(t, err, "panic: boom")
	require.ErrorContains(t, err, "work_test.go", "with the stack")
	require.ErrorContains(t, err, "runtime.Goexit")
}

func TestGoPanicsWhereNobodyWouldWait(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context) error { return nil }
	require.PanicsWithValue(t, "holdfast: Go: ctx is not a handler's, nobody would wait: pass on the handler's context, or one from WithWork",
		func() { holdfast.Go(t.Context(), nothing) })

	ctx, work := holdfast.WithWork(t.Context())
	require.NoError(t, work.Wait())
	require.Panics(t, func() { holdfast.Go(ctx, nothing) })
}
