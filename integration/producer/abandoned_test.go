//go:build !race

package producer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// The producer is closed, and does not wait, while the broker stands still: everybody is told
// what is known, and that is true. It stands apart because the official client's Shutdown
// races with attempts that are still in it.
func TestAbandonedByClose(t *testing.T) {
	t.Parallel()
	const n = 200
	on := newWorld(t, cluster.Run(t, cluster.Config{}))
	p := on.producer()
	on.mustSend(p, on.order("before"))
	master := on.cluster.Master(0)
	require.NoError(on, master.Pause())
	on.Cleanup(func() { _ = master.Resume() })

	var r record
	r.note("before", acknowledged)
	var wg sync.WaitGroup
	for i := range n {
		msg := on.order(fmt.Sprint("o-", i)).WithShardingKey(fmt.Sprint(i % 8))
		wg.Go(func() {
			_, err := p.Send(on.soon(), msg)
			r.note(msg.GetKeys(), outcomeOf(err))
		})
	}
	on.eventually(func() bool { return p.InFlight() == n }, "all are in flight")
	ctx, cancel := context.WithTimeout(on.Context(), 300*time.Millisecond)
	defer cancel()
	require.ErrorContains(on, p.Close(ctx), fmt.Sprint(n, " messages were in flight"))
	wg.Wait()
	require.Positive(on, r.count(unknown), "those that were being sent")
	require.Equal(on, 1, r.count(acknowledged))

	require.NoError(on, master.Resume())
	on.mustSend(on.producer(), on.order("after")) // behind all that the broker still had
	r.note("after", acknowledged)
	on.requireTruth(&r)
}
