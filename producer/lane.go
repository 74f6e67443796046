package producer

import (
	"context"
	"errors"
	"maps"
	"runtime"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// maxBatchMessages bounds a batch of tiny messages.
const maxBatchMessages = 4096

// lane sends the messages of one topic, one batch after the other. What arrives while width
// batches are in flight waits, and goes together with the next one: batching without a timer.
// A lane with a queue has width 1 and keeps order; one without spreads its batches over all
// queues of the topic.
type lane struct {
	producer *Producer
	topic    string          // wire name
	queue    *remoting.Queue // nil: any
	width    int

	mu         sync.Mutex
	first, end *task // waiting, oldest first
	running    int
	limit      batchLimit
}

// add appends a task and sees to it that the lane is at work.
func (l *lane) add(t *task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.lane = l
	if l.end == nil {
		l.first = t
	} else {
		l.end.next, t.prev = t, l.end
	}
	l.end = t
	if l.running < l.width {
		l.running++
		l.producer.lanesAtWork.Go(l.work)
	}
}

func (l *lane) remove(t *task) {
	if t.prev == nil {
		l.first = t.next
	} else {
		t.prev.next = t.next
	}
	if t.next == nil {
		l.end = t.prev
	} else {
		t.next.prev = t.prev
	}
	t.prev, t.next = nil, nil
}

// withdraw takes a task out, unless it has settled.
func (l *lane) withdraw(t *task, cause error) (*send.Failure, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch t.stage {
	case settled, left:
		return nil, false
	case trying:
		t.doubt = true
	}
	t.stage = left
	if b := t.batch; b == nil {
		l.remove(t)
		l.producer.release(t)
	} else if b.alive--; b.alive == 0 {
		b.cancel()
	}
	return leaving(t.doubt, cause), true
}

func (l *lane) work() {
	for {
		b := l.take()
		if b == nil {
			return
		}
		l.send(b)
		runtime.Gosched() // whoever was just answered may have the next message
	}
}

// take makes a batch of what waits: the oldest task, and those behind it while they may
// share a request and there is room. Nil means that nothing waits; the worker then ends.
func (l *lane) take() *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.running--
		return nil
	}
	var tasks []*task
	bytes := 0
	for t := l.first; t != nil && len(tasks) < maxBatchMessages; t = l.first {
		if len(tasks) > 0 && (t.alone || tasks[0].alone || bytes+t.bytes > l.limit.bytes) {
			break
		}
		l.remove(t)
		tasks = append(tasks, t)
		bytes += t.bytes
	}
	b := newBatch(tasks, bytes)
	for _, t := range tasks {
		t.batch = b
	}
	return b
}

// send makes the attempts of a batch and settles its tasks. It reports whether one of them was
// refused by itself.
func (l *lane) send(b *batch) (illegal bool) {
	defer b.cancel()
	p := l.producer
	p.telemetry.Batch(b.ctx, l.topic, b.messages())
	loop := send.Loop{
		Attempts: p.config.attempts, Backoff: p.config.backoff, Resend: p.config.resend, Doubt: b.doubt,
		Try:       func(avoid string) send.Answer { return l.try(b, avoid) },
		Find:      func(ctx context.Context) *primitive.SendResult { return l.find(ctx, b) },
		Elsewhere: func(broker string) bool { return l.queue == nil && p.hasOther(l.topic, broker) },
	}
	_, err := loop.Run(b.ctx)
	illegal = err != nil && send.TooLarge(err)
	if illegal && len(b.tasks) > 1 {
		return l.split(b, errors.Is(err, holdfast.ErrOutcomeUnknown))
	}
	l.settle(b, err)
	return illegal
}

// split sends the halves of a batch that was refused, in order. Unless one message turns out to
// be the reason it was the size, and later batches are smaller.
func (l *lane) split(b *batch, doubt bool) (illegal bool) {
	l.mu.Lock()
	middle := len(b.tasks) / 2
	halves := [...]*batch{b.regroup(b.tasks[:middle], doubt), b.regroup(b.tasks[middle:], doubt)}
	l.mu.Unlock()
	for _, half := range halves {
		illegal = l.send(half) || illegal
	}
	if !illegal {
		l.mu.Lock()
		l.limit.refused(b.bytes)
		l.mu.Unlock()
	}
	return illegal
}

func (b *batch) regroup(tasks []*task, doubt bool) *batch {
	part := newBatch(tasks, 0)
	part.doubt = doubt
	maps.Copy(part.sentTo, b.sentTo)
	for _, t := range tasks {
		t.batch = part
		part.bytes += t.bytes
		if t.stage == left {
			part.alive--
		}
	}
	if part.alive == 0 {
		part.cancel()
	}
	return part
}

// settle tells every task that still waits its own result, or the error, and gives their
// room back.
func (l *lane) settle(b *batch, err error) {
	l.mu.Lock()
	if err == nil {
		l.limit.accepted(b.bytes)
	}
	var open []*task
	for _, t := range b.tasks {
		if t.stage != left {
			t.stage = settled
			open = append(open, t)
		}
	}
	l.mu.Unlock()

	for _, t := range b.tasks {
		l.producer.release(t)
	}
	for _, t := range open {
		t.err = ownError(err, t.result)
		t.finish()
	}
}
