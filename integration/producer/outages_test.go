package producer_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// stream is the sends of one client to a topic of its own. The second half is held back until
// the fault is there, however fast the first is.
type stream struct {
	*world
	record
	done    sync.WaitGroup
	acked   atomic.Int64
	quarter chan struct{} // closed when a quarter is acknowledged
}

// sends starts senders that together send n messages, each with within as its time.
func (on *world) sends(n, senders int, within time.Duration, fault <-chan struct{}, send func(context.Context, *primitive.Message) told) *stream {
	s := &stream{world: on, quarter: make(chan struct{})}
	var next atomic.Int64
	for range senders {
		s.done.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if i > int64(n/2) {
					<-fault
				}
				ctx, cancel := context.WithTimeout(on.Context(), within)
				id := fmt.Sprint("o-", i)
				outcome := send(ctx, on.order(id))
				cancel()
				s.note(id, outcome)
				if outcome == acknowledged && s.acked.Add(1) == int64(n/4) {
					close(s.quarter)
				}
			}
		})
	}
	return s
}

// duringFault runs the same stream twice, with the producer and with the raw client, has the
// fault begin when the producer's is under way, and holds what it was told against what is
// stored. To the raw client's users every error means not sent.
func (on *world) duringFault(n, senders int, within time.Duration, begin, end func() error) figures {
	on.Helper()
	p, client := on.producer(), raw(on, on.cluster.Holdfast())
	rawWorld := &world{on.T, on.cluster, on.client, on.newTopic("-raw", 4)}
	fault := make(chan struct{})
	theirs := rawWorld.sends(n, senders, within, fault, func(ctx context.Context, msg *primitive.Message) told {
		if _, err := client.SendSync(ctx, msg); err != nil {
			return notStored
		}
		return acknowledged
	})
	ours := on.sends(n, senders, within, fault, func(ctx context.Context, msg *primitive.Message) told {
		_, err := p.Send(ctx, msg)
		return outcomeOf(err)
	})
	on.await(ours.quarter, "a quarter is acknowledged")
	err := begin()
	close(fault)
	require.NoError(on, err)
	require.NoError(on, end())
	ours.done.Wait()
	theirs.done.Wait()
	on.Logf("raw: %v", theirs.against(theirs.stored()))
	return on.requireTruth(&ours.record)
}

// The broker stands still for 3 s and its senders have 200 ms: what was sent is stored once,
// where the raw client sends it four times and says that it was not sent.
func pause(on *world) {
	master := on.cluster.Master(0)
	f := on.duringFault(1000, 8, 200*time.Millisecond, master.Pause, func() error {
		time.Sleep(3 * time.Second) // what happens, not what is waited for
		return master.Resume()
	})
	require.Zero(on, f.duplicated, "no attempt is made for those who have gone")
	require.Less(on, f.acknowledged, f.attempted)
}

// The broker is killed in a stream of sends and started again.
func kill(on *world) {
	master := on.cluster.Master(0)
	on.duringFault(5000, 64, patience, master.Kill, func() error { return master.Restart(on.soon()) })
	on.mustSend(on.producer(), on.order("after"))
}
