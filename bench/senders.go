package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// body is text as an order would be in, of so many bytes; about half of it is digits that do
// not compress.
func body(size int) []byte {
	random := rand.New(rand.NewPCG(1, uint64(size)))
	text := []byte(`{"order":[`)
	for len(text) < size {
		text = fmt.Appendf(text, `{"sku":"%08x","quantity":%d,"price":"%d.%02d"},`, random.Uint32(), random.IntN(9), random.IntN(999), random.IntN(99))
	}
	return text[:size]
}

// sent is what senders saw.
type sent struct {
	took    []time.Duration // of each send that was answered SEND_OK, in no order
	elapsed time.Duration
	failed  failures
}

func (s sent) perSecond() float64 { return float64(len(s.took)) / s.elapsed.Seconds() }

// millis is a percentile of the latency.
func (s sent) millis(p float64) float64 {
	slices.Sort(s.took)
	return percentile(s.took, p).Seconds() * 1000
}

// sendUntil has so many senders send one message after the other, each waiting for its
// answer, as long as more says.
func sendUntil(ctx context.Context, p rocketmq.Producer, senders int, body []byte, more func(sent int) bool) (sent, error) {
	all := make([]sent, senders)
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range all {
		all[i].took = make([]time.Duration, 0, 4096)
		wg.Go(func() { all[i].send(ctx, p, body, more) })
	}
	wg.Wait()
	sum := sent{elapsed: time.Since(begun)}
	for _, s := range all {
		sum.took = append(sum.took, s.took...)
		sum.failed.add(s.failed)
	}
	if len(sum.took) == 0 {
		return sum, fmt.Errorf("no send was answered SEND_OK: %v", sum.failed)
	}
	return sum, nil
}

func (s *sent) send(ctx context.Context, p rocketmq.Producer, body []byte, more func(sent int) bool) {
	for more(len(s.took) + s.failed.sends) {
		begun := time.Now()
		if err := sendOne(ctx, p, body); err != nil {
			s.failed.add(failures{1, err})
			continue
		}
		s.took = append(s.took, time.Since(begun))
	}
}

func sendOne(ctx context.Context, p rocketmq.Producer, body []byte) error {
	result, err := p.SendSync(ctx, primitive.NewMessage(topic, body))
	if err == nil && result.Status != primitive.SendOK {
		err = fmt.Errorf("status %d", result.Status)
	}
	return err
}

// until says "more" for so long.
func until(d time.Duration) func(int) bool {
	end := time.Now().Add(d)
	return func(int) bool { return time.Now().Before(end) }
}

// times says "more" to each sender so many times.
func times(n int) func(int) bool { return func(sent int) bool { return sent < n } }
