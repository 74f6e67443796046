package producer_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
)

// flusher is the broker's thread that flushes for those who wait, GroupCommitService.
const flusher = "GroupCommitServ"

// unflushed is how much of its log the broker says it has not flushed yet, such as "512 B".
func (on *world) unflushed() string {
	on.Helper()
	info, err := on.client.RuntimeInfo(on.soon(), on.cluster.Master(0).Address())
	require.NoError(on, err)
	return info["remainHowManyDataToFlush"]
}

const nothing = "0 B"

// awaitFlushed waits until the broker has flushed what it writes of its own accord, too.
func (on *world) awaitFlushed() {
	on.Helper()
	on.eventually(func() bool { return on.unflushed() == nothing }, "everything is flushed")
}

// Found is not flushed. The broker's flusher is stopped, the rest of the broker is not: it
// stores, and answers FLUSH_DISK_TIMEOUT after syncFlushTimeout. 4.9.7 fills its index all the
// same; 5.4.0 indexes only what is flushed, so nothing is found. What is seen of the disk is
// what the broker says of itself: bytes to flush while the flusher stands, and none once a
// later message was answered SEND_OK. That they then survive a loss of power is the kernel's
// word, and not seen here.
func foundIsNotFlushed(on *world) {
	const senders = 8
	on.configure("syncFlushTimeout", "1000")
	p := on.producer(producer.WithAttempts(1))
	on.untilSent(p, on.order("before"))
	on.awaitFlushed()
	resume := on.stopThread(on.cluster.Master(0), flusher)

	messages := on.orders("stalled-", senders)
	var wg sync.WaitGroup
	for _, msg := range messages {
		wg.Go(func() {
			_, err := p.Send(on.soon(), msg)
			notDurable := (*holdfast.NotDurableError)(nil)
			if !errors.As(err, &notDurable) || notDurable.Status != primitive.SendFlushDiskTimeout {
				on.Errorf("want FLUSH_DISK_TIMEOUT, got %v", err)
			}
		})
	}
	wg.Wait()
	for _, msg := range messages {
		if strings.HasPrefix(on.cluster.Config().Version, "4.") {
			resolution, _ := on.resolve(p, uniqueKey(msg))
			require.Equal(on, producer.Found, resolution, "found, and not flushed")
			continue
		}
		resolution, _, err := p.Resolve(on.soon(), on.topic, uniqueKey(msg))
		require.NoError(on, err)
		require.Equal(on, producer.NotFound, resolution)
	}
	require.NotEqual(on, nothing, on.unflushed())

	resume()
	cover := on.untilSent(p, on.order("cover"))
	on.awaitFlushed()
	for _, msg := range messages {
		resolution, result := on.resolve(p, uniqueKey(msg))
		require.Equal(on, producer.FoundDurable, resolution)
		require.Less(on, on.offsetOf(result), on.offsetOf(cover))
	}
}

// With the default syncFlushTimeout the broker answers after the official client has given
// up: no send succeeds, whatever is found, and every attempt is under one UNIQ_KEY.
func stalledFlushAcknowledgesNothing(on *world) {
	on.configure("syncFlushTimeout", "5000")
	p := on.producer(producer.WithAttempts(2))
	on.untilSent(p, on.order("before"))
	resume := on.stopThread(on.cluster.Master(0), flusher)

	var r record
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			id := fmt.Sprint("stalled-", i)
			_, err := p.Send(on.soon(), on.order(id))
			r.note(id, outcomeOf(err))
		})
	}
	wg.Wait()
	require.Equal(on, 64, r.count(unknown), "none is acknowledged, none is said not to be stored")
	require.NotEqual(on, nothing, on.unflushed())

	resume()
	on.untilSent(p, on.order("after"))
	r.note("before", acknowledged)
	r.note("after", acknowledged)
	f := on.requireTruth(&r)
	require.Equal(on, 64, f.recovered)
}
