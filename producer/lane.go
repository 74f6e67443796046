package producer

import (
	"sync"

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
	atWork     int
	spare      []*worker // that wait for something to send
	over       bool      // nobody is to wait any more
	underWay   map[*batch]bool
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
	if l.atWork < l.width {
		l.atWork++
		l.wake()
	}
}

// maxSpare is how many workers of a lane wait for something to send; others end. One that has
// waited has the stack that the official client needs, and a new one has to grow it.
const maxSpare = 16

// wake sets a worker to work, and has a place for it.
func (l *lane) wake() {
	if n := len(l.spare); n > 0 {
		w := l.spare[n-1]
		l.spare = l.spare[:n-1]
		w.woken <- true
		return
	}
	l.producer.lanesAtWork.Go(newWorker(l).work)
}

// retire lets those that wait go, and nobody wait any more.
func (l *lane) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, w := range l.spare {
		w.woken <- false
	}
	l.spare = nil
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

// abandon withdraws every task and tells its caller.
func (l *lane) abandon() {
	var open []*task
	l.mu.Lock()
	for t := l.first; t != nil; t = t.next {
		open = append(open, t)
	}
	for b := range l.underWay {
		open = append(open, b.tasks...)
	}
	l.mu.Unlock()
	for _, t := range open {
		if failure, ok := l.withdraw(t, errAbandoned); ok {
			t.finish(failure)
		}
	}
}

// take makes a batch of what waits: the oldest task, and those behind it while they may
// share a request and there is room. Nil means that nothing waits; spare says whether the
// worker is to wait to be woken, or to end.
func (l *lane) take(w *worker) (_ *batch, spare bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first == nil {
		l.atWork--
		if l.over || len(l.spare) >= maxSpare {
			return nil, false
		}
		l.spare = append(l.spare, w)
		return nil, true
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
	l.underWay[b] = true
	return b, false
}

// halve makes two batches of one that was refused.
func (l *lane) halve(b *batch, doubt bool) []*batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	middle := len(b.tasks) / 2
	both := &split{of: b.half, bytes: b.bytes, open: 2}
	halves := []*batch{b.regroup(b.tasks[:middle], doubt, both), b.regroup(b.tasks[middle:], doubt, both)}
	delete(l.underWay, b)
	l.underWay[halves[0]], l.underWay[halves[1]] = true, true
	return halves
}

// settle tells every task that still waits its own result, or the error, and gives their
// room back.
func (l *lane) settle(b *batch, err error) {
	l.mu.Lock()
	delete(l.underWay, b)
	if err == nil {
		l.limit.accepted(b.bytes)
	}
	open := b.tasks
	if b.alive < len(open) {
		open = nil
	}
	messages, bytes := 0, 0
	for _, t := range b.tasks {
		messages += len(t.messages)
		bytes += t.bytes
		if t.stage != left {
			t.stage = settled
			if b.alive < len(b.tasks) {
				open = append(open, t)
			}
		}
	}
	l.mu.Unlock()

	l.producer.room.give(messages, bytes)
	for _, t := range open {
		t.finish(ownError(err, t.result))
	}
}

// refused makes later batches smaller.
func (l *lane) refused(bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit.refused(bytes)
}
