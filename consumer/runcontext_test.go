package consumer

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type valueKey struct{}

func TestARunsContextEndsAtItsDeadlineWithoutATimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRunContext(context.WithValue(t.Context(), valueKey{}, 1), context.Background(), time.Now(), time.Minute)
		require.NoError(t, r.Err())
		require.Equal(t, 1, r.Value(valueKey{}))
		require.Nil(t, r.made.Load(), "nobody asked for Done")
		time.Sleep(time.Minute)
		require.ErrorIs(t, r.Err(), context.DeadlineExceeded)
		r.end()
		require.ErrorIs(t, r.Err(), context.DeadlineExceeded, "the same for ever")
		<-r.Done()
	})
}

func TestARunsContextEndsInEveryWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, row := range map[string]struct {
			end  func(r *runContext, cancelParent, cancelDrained func())
			want error
		}{
			"deadline":    {func(*runContext, func(), func()) { time.Sleep(time.Minute) }, context.DeadlineExceeded},
			"end of run":  {func(r *runContext, _, _ func()) { r.end() }, context.Canceled},
			"the call's":  {func(_ *runContext, cancel, _ func()) { cancel() }, context.Canceled},
			"drain":       {func(_ *runContext, _, cancel func()) { cancel() }, context.Canceled},
			"twice ended": {func(r *runContext, _, _ func()) { r.end(); r.end() }, context.Canceled},
		} {
			for _, early := range []bool{false, true} { // whether Done is called before the end
				parent, cancelParent := context.WithCancel(context.WithValue(t.Context(), valueKey{}, 1))
				drained, cancelDrained := context.WithCancel(context.Background())
				r := newRunContext(parent, drained, time.Now(), time.Minute)
				if early {
					require.NotNil(t, r.Done())
					require.NoError(t, r.Err(), name)
				}
				row.end(r, cancelParent, cancelDrained)
				<-r.Done()
				require.ErrorIs(t, r.Err(), row.want, "%s, %v", name, early)
				require.Equal(t, 1, r.Value(valueKey{}))
				r.end()
				cancelParent()
				cancelDrained()
			}
		}
	})
}

// What a handler derives is cancelled with it, and costs no goroutine.
func TestDerivedContextsNeedNoGoroutine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRunContext(t.Context(), context.Background(), time.Now(), time.Minute)
		before := runtime.NumGoroutine()
		children := make([]context.Context, 100)
		for i := range children {
			var cancel context.CancelFunc
			children[i], cancel = context.WithCancel(r)
			defer cancel()
		}
		require.Less(t, runtime.NumGoroutine()-before, 50)
		r.end()
		for _, child := range children {
			<-child.Done()
		}
	})
}

func TestAnEarlierDeadlineOfTheCallCounts(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	want, _ := parent.Deadline()
	got, ok := newRunContext(parent, context.Background(), time.Now(), time.Minute).Deadline()
	require.True(t, ok)
	require.Equal(t, want, got)
}
