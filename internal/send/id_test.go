package send

import (
	"encoding/hex"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIDsAreDistinctUnderConcurrency(t *testing.T) {
	t.Parallel()
	var ids IDs
	const makers, each = 8, 50_000
	seen := make([][]string, makers)
	var wg sync.WaitGroup
	for i := range makers {
		wg.Go(func() {
			for range each {
				seen[i] = append(seen[i], ids.Next())
			}
		})
	}
	wg.Wait()
	distinct := map[string]bool{}
	for _, made := range seen {
		for _, id := range made {
			distinct[id] = true
		}
	}
	require.Len(t, distinct, makers*each, "the official client repeats after 65,536 in a second")
}

func TestIDHasTheLayoutThatAdminToolsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // the clock starts at 2000-01-01
		var ids IDs
		time.Sleep(36 * time.Hour)
		id := ids.Next()
		require.Regexp(t, "^[0-9A-F]{32}$", id)
		b, err := hex.DecodeString(id)
		require.NoError(t, err)
		elapsed := time.Duration(uint32(b[10])<<24|uint32(b[11])<<16|uint32(b[12])<<8|uint32(b[13])) * time.Millisecond
		require.Equal(t, 36*time.Hour, elapsed, "milliseconds since the start of the month")
	})
}

func TestIDsOfAnotherMonthHaveAnotherPrefix(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var ids IDs
		january := ids.Next()
		time.Sleep(31 * 24 * time.Hour)
		february := ids.Next()
		require.NotEqual(t, january[:20], february[:20], "the rest of the id starts over")
	})
}

func TestIDsOfTwoMakersDiffer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a, b IDs
		require.NotEqual(t, a.Next(), b.Next(), "as two containers with one address and process id")
	})
}
