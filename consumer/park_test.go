package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// What runs when a drain begins is finished and acknowledged; what comes later is not begun and
// never acknowledged.
func TestADrainFinishesWhatRunsAndParksTheRest(t *testing.T) {
	t.Parallel()
	for _, mode := range []func() context.Context{concurrent, orderly} {
		synctest.Test(t, func(t *testing.T) {
			var runs atomic.Int32
			release := make(chan struct{})
			e := guard(t, func(context.Context, *primitive.MessageExt) error { runs.Add(1); <-release; return nil })
			running := deliver(mode(), e, pulled(1))
			synctest.Wait()
			e.park.close()
			late := deliver(mode(), e, pulled(2))
			synctest.Wait()

			short, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, e.park.wait(short), context.DeadlineExceeded, "one still runs")
			close(release)
			require.NoError(t, e.park.wait(t.Context()))
			require.Equal(t, mqconsumer.ConsumeSuccess, <-running)
			synctest.Wait()
			require.Empty(t, late)
			require.EqualValues(t, 1, runs.Load())
			e.park.release()
			require.NotEqual(t, mqconsumer.ConsumeSuccess, <-late)
		})
	}
}

// Whatever waits when a drain begins gives up at once: a hold, an attempt in place, a copy that
// is not stored, a message that another call works on.
func TestADrainParksWhatWaits(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err  error
		opts []GuardOption
	}{
		"hold":     {holdfast.Hold(20*time.Second, errNo), nil},
		"in place": {errNo, nil},
		"copy":     {errNo, []GuardOption{into(&stored{refuse: 1 << 30})}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := guard(t, func(context.Context, *primitive.MessageExt) error { return row.err }, row.opts...)
				first := deliver(concurrent(), e, pulled(1))
				synctest.Wait()
				second := deliver(concurrent(), e, pulled(1))
				batch := deliver(concurrent(), e, pulled(2), pulled(3), pulled(1))
				synctest.Wait()
				e.park.close()
				e.park.close()
				require.NoError(t, e.park.wait(t.Context()))
				synctest.Wait()
				require.Empty(t, first)
				require.Empty(t, second)
				require.Empty(t, batch)
				e.park.release()
				e.park.release()
				for _, answer := range []<-chan mqconsumer.ConsumeResult{first, second, batch} {
					require.Equal(t, mqconsumer.ConsumeRetryLater, <-answer)
				}
			})
		})
	}
}

// After the drain's deadline contexts are cancelled, those of copies too; what then ends with an
// error is not acknowledged.
func TestADrainOutOfTimeCancels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stored
		e := guard(t, func(ctx context.Context, _ *primitive.MessageExt) error {
			<-ctx.Done()
			return ctx.Err()
		}, into(&s))
		answer := deliver(concurrent(), e, pulled(1))
		synctest.Wait()
		e.park.close()
		e.park.cut()
		require.NoError(t, e.park.wait(t.Context()))
		require.Empty(t, answer)
		require.Empty(t, s.all(), "its copy is not stored any more either")
		e.park.release()
		require.Equal(t, mqconsumer.ConsumeRetryLater, <-answer)
	})
}

// Whenever the park closes, every call is either counted until it leaves, or parked.
func TestNothingSlipsThroughAClosingPark(t *testing.T) {
	t.Parallel()
	for range 200 {
		p := newPark()
		var inside atomic.Int64
		var calls sync.WaitGroup
		for range 8 {
			calls.Go(func() {
				for range 20 {
					if !p.enter() {
						return
					}
					inside.Add(1)
					inside.Add(-1)
					p.leave()
				}
			})
		}
		p.close()
		require.NoError(t, p.wait(t.Context()))
		require.Zero(t, inside.Load())
		require.False(t, p.enter())
		calls.Wait()
		require.Zero(t, p.active.Load())
	}
}
