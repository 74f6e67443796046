package main

import (
	"context"
	"runtime"
	"sync"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/google/uuid"
)

// bare batches as holdfast does, two requests in flight and what waits goes with the next, and
// does nothing else: no checks, no copies, no attempts, no telemetry, no bound. It is what
// batching costs with the official client on this machine, the floor under holdfast.
type bare struct {
	rocketmq.Producer
	mu      sync.Mutex
	waiting []bareSend
	atWork  int
}

type bareSend struct {
	msg  *primitive.Message
	done chan bareAnswer
}

type bareAnswer struct {
	result *primitive.SendResult
	err    error
}

const bareLanes = 2

// SendSync sends one message, with others that wait.
func (b *bare) SendSync(_ context.Context, msgs ...*primitive.Message) (*primitive.SendResult, error) {
	msgs[0].WithProperty(primitive.PropertyUniqueClientMessageIdKeyIndex, uuid.NewString())
	send := bareSend{msgs[0], make(chan bareAnswer, 1)}
	b.mu.Lock()
	b.waiting = append(b.waiting, send)
	if b.atWork < bareLanes {
		b.atWork++
		go b.work()
	}
	b.mu.Unlock()
	answer := <-send.done
	return answer.result, answer.err
}

func (b *bare) work() {
	for {
		b.mu.Lock()
		batch := b.waiting
		b.waiting = nil
		if len(batch) == 0 {
			b.atWork--
			b.mu.Unlock()
			return
		}
		b.mu.Unlock()

		msgs := make([]*primitive.Message, len(batch))
		for i, send := range batch {
			msgs[i] = send.msg
		}
		result, err := b.Producer.SendSync(context.Background(), msgs...)
		for _, send := range batch {
			send.done <- bareAnswer{result, err}
		}
		runtime.Gosched()
	}
}

// hop sends on a goroutine of its own and waits for it, as whoever must not be held up by the
// official client has to: the floor under a single sender's latency.
type hop struct{ rocketmq.Producer }

// SendSync sends one message.
func (h hop) SendSync(_ context.Context, msgs ...*primitive.Message) (*primitive.SendResult, error) {
	done := make(chan bareAnswer, 1)
	go func() {
		result, err := h.Producer.SendSync(context.Background(), msgs...)
		done <- bareAnswer{result, err}
	}()
	answer := <-done
	return answer.result, answer.err
}
