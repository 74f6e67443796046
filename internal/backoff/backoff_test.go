package backoff

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDelayStaysWithinItsGrowingBound(t *testing.T) {
	t.Parallel()
	p := Policy{Base: 100 * time.Millisecond, Max: time.Second}
	for n, bound := range map[int]time.Duration{
		1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond, 5: time.Second, 63: time.Second, 1000: time.Second,
	} {
		longest := time.Duration(0)
		for range 2000 {
			d := p.Delay(n)
			require.Positive(t, d)
			require.LessOrEqual(t, d, bound)
			longest = max(longest, d)
		}
		require.Greater(t, longest, bound/2, "jitter reaches the upper half of the bound after failure %d", n)
	}
}

func TestZeroPolicyNeverWaits(t *testing.T) {
	t.Parallel()
	require.Zero(t, Policy{}.Delay(7))
}

func TestSleepEndsWithItsTimeOrItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		require.NoError(t, Sleep(t.Context(), time.Minute))
		require.Equal(t, time.Minute, time.Since(start))

		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		require.ErrorIs(t, Sleep(ctx, time.Minute), why)
		require.ErrorIs(t, Sleep(ctx, 0), why)
		require.Equal(t, time.Minute, time.Since(start))
	})
}
