package producer

import (
	"errors"
	"runtime"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// worker sends batches of a lane, one after the other, on a goroutine of its own.
type worker struct {
	lane  *lane
	woken chan bool // true: there is something to send again; false: the producer is closed
	parts []*batch  // of a batch that was refused, to be sent before what waits
	batch *batch    // the one under way
	loop  send.Loop
	watch *watch // over its attempts; nil until the next one
	asked string // the broker that the newest attempt went to
}

func newWorker(l *lane) *worker {
	p := l.producer
	w := &worker{lane: l, woken: make(chan bool, 1)}
	w.loop = send.Loop{
		Attempts: p.config.attempts, Backoff: p.config.backoff, Resend: p.config.resend,
		Try: w.try, Find: w.find, Elsewhere: w.elsewhere,
	}
	return w
}

func (w *worker) work() {
	for w.next() {
		b := w.batch
		_, err := w.loop.Run(b.ctx)
		if !w.conclude(err) {
			return
		}
		if len(b.tasks) > 1 {
			runtime.Gosched() // those who were just answered may have the next messages
		}
	}
}

// resume is work after an attempt that did not come back: the goroutine that made it is left
// behind in the official client, and this one goes on.
func (w *worker) resume() {
	_, err := w.loop.Resume(w.batch.ctx, w.answered(send.Answer{Err: errStuck, Stuck: true}))
	if w.conclude(err) {
		w.work()
	}
}

func (w *worker) next() bool {
	w.batch = nil // a spare worker keeps nobody's messages in memory
	if len(w.parts) > 0 {
		w.batch, w.parts = w.parts[0], w.parts[1:]
	}
	for w.batch == nil {
		b, spare := w.lane.take(w)
		if b == nil && (!spare || !<-w.woken) {
			return false
		}
		w.batch = b
	}
	w.loop.Doubt = w.batch.doubt
	w.lane.producer.telemetry.Batch(w.batch.ctx, w.lane.topic, w.batch.messages())
	return true
}

// conclude settles the batch, or splits it. It returns false if the batch, and the worker with
// it, belong to another goroutine.
func (w *worker) conclude(err error) bool {
	if err == send.ErrLeftBehind {
		return false
	}
	b := w.batch
	b.cancel()
	illegal := err != nil && send.TooLarge(err)
	if illegal && len(b.tasks) > 1 {
		w.parts = append(w.lane.halve(b, errors.Is(err, holdfast.ErrOutcomeUnknown)), w.parts...)
		return true
	}
	w.lane.settle(b, err)
	b.half.settled(w.lane, illegal)
	return true
}

// split is a batch that was refused and is sent in halves, in order. Unless one message turns
// out to be the reason it was the size, and later batches are smaller.
type split struct {
	of      *split // the one that the batch was a half of
	bytes   int
	open    int
	illegal bool // a message was refused by itself
}

func (s *split) settled(l *lane, illegal bool) {
	for ; s != nil; s = s.of {
		s.illegal = s.illegal || illegal
		if s.open--; s.open > 0 {
			return
		}
		if !s.illegal {
			l.refused(s.bytes)
		}
		illegal = s.illegal
	}
}
