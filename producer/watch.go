package producer

import (
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/send"
)

// stuckGrace is how much longer than its timeout an attempt may take before it counts as
// stuck in the official client.
const stuckGrace = 500 * time.Millisecond

// watch is over a worker's attempts, one at a time. Its timer and the attempt's return race,
// and the state says who was first:
//
//	goroutine of the worker              timer
//	-----------------------              -----
//	underWay, official SendSync
//	  returns: back                      finds back, does nothing
//	or
//	                                     overdue; the attempt counts as stuck
//	                                     unkeyed: a new goroutine goes on as the worker
//	  returns: finds overdue,
//	  no longer stuck
//	  unkeyed: touches nothing more and ends
//	  keyed: goes on with the answer
type watch struct {
	state atomic.Int32
	timer *time.Timer
	noted chan struct{} // closed when what is overdue has been counted
}

const (
	underWay int32 = iota
	back
	overdue
)

// watched makes an attempt under watch. It returns send.ErrLeftBehind if another goroutine has
// become the worker meanwhile.
func (w *worker) watched(messages []*primitive.Message) send.Answer {
	p, watch := w.lane.producer, w.begin()
	answer := p.sendSync(messages)
	if watch.state.CompareAndSwap(underWay, back) {
		if !watch.timer.Stop() {
			w.watch = nil // its timer has fired, and must not find the next attempt
		}
		return answer
	}

	<-watch.noted
	p.stuck.Add(-1)
	if w.lane.queue != nil {
		w.watch = nil
		return answer
	}
	p.leftBehind.Done()
	return send.Answer{Err: send.ErrLeftBehind}
}

func (w *worker) begin() *watch {
	patience := w.lane.producer.config.attemptTimeout + stuckGrace
	if w.watch != nil {
		w.watch.state.Store(underWay)
		w.watch.timer.Reset(patience)
		return w.watch
	}
	begun := &watch{noted: make(chan struct{})}
	w.watch = begun
	begun.timer = time.AfterFunc(patience, func() { w.overdue(begun) })
	return begun
}

// overdue counts an attempt as stuck, and where order does not matter goes on without it.
func (w *worker) overdue(watch *watch) {
	if !watch.state.CompareAndSwap(underWay, overdue) {
		return
	}
	defer close(watch.noted)
	p := w.lane.producer
	p.stuck.Add(1)
	if w.lane.queue != nil {
		return
	}
	p.leftBehind.Add(1)
	w.watch = nil
	p.lanesAtWork.Go(w.resume)
}
