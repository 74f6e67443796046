package consumer

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// Nothing but a nil error is acknowledged without a confirmed copy, in any mode, and without
// copies nothing but a nil error ever is.
func TestThePlanNeverLoses(t *testing.T) {
	t.Parallel()
	for found := range findingEnd {
		for where := range modeEnd {
			next := plan[found][where]
			if found == finished {
				require.Equal(t, acknowledge, next)
				continue
			}
			require.NotEqual(t, acknowledge, next, "finding %d, mode %d", found, where)
			if where == inPlace {
				require.Contains(t, []step{tryAgain, comeAgain, waitAtTheGate}, next, "finding %d", found)
			}
			if where == inOrder {
				require.NotContains(t, []step{storeRetry, storeLater}, next, "finding %d: what comes behind would pass it", found)
			}
		}
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	require.Equal(t, holdfast.MaxRetryAfter, levels[len(levels)-1])
	for d, want := range map[time.Duration]int{
		0: 1, time.Second: 1, time.Second + 1: 2, 10 * time.Second: 3, 2 * time.Hour: 18, 3 * time.Hour: 18,
	} {
		require.Equal(t, want, levelFor(d), d)
	}
	for attempts, want := range map[int]int{0: 3, 1: 3, 2: 4, 16: 18, 17: 18} {
		require.Equal(t, want, levelAfter(attempts), attempts)
	}
}
