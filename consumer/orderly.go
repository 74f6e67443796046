package consumer

import (
	"context"
	"sync"
	"time"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// turn bounds how long one call of an orderly listener waits. After it the official client
// looks whether the queue is still its own and still locked, and calls again.
const turn = time.Second

// queues are those that an orderly listener has been called for.
type queues struct {
	known sync.Map // queue: *queueState
}

// queueState is what is known of one queue between two calls. The official client means to
// have at most one call per queue, but its own lock does nothing, and a queue that was taken
// away and given back while a handler runs is called for again.
type queueState struct {
	turn chan struct{} // holds one element while a call works on the queue

	mu     sync.Mutex  // for the watchdog
	begun  []*handling // of the newest call, settled ones included; written under turn and mu
	atWork bool
}

func (q *queues) of(name queue) *queueState {
	if s, ok := q.known.Load(name); ok {
		return s.(*queueState)
	}
	s, _ := q.known.LoadOrStore(name, &queueState{turn: make(chan struct{}, 1)})
	return s.(*queueState)
}

// each calls look for what is being handled.
func (q *queues) each(look func(*handling)) {
	q.known.Range(func(_, v any) bool {
		s := v.(*queueState)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.atWork {
			for _, h := range s.begun {
				look(h)
			}
		}
		return true
	})
}

// listenInOrder answers success when every message has been settled, one after the other, and
// SUSPEND otherwise: the client then gives the same messages again. No other answer: for any
// the client commits what it should not. The client would wait 0 ms after SUSPEND whatever its
// option says, and use up its attempts; so the wait is here, where a drain can end it.
func (e *engine) listenInOrder(ctx context.Context, o *primitive.ConsumeOrderlyContext, msgs []*primitive.MessageExt) mqconsumer.ConsumeResult {
	o.SuspendCurrentQueueTimeMillis = 1
	if len(msgs) == 0 {
		return mqconsumer.SuspendCurrentQueueAMoment
	}
	if e.park.enter() {
		if settled, parked := e.takeTurn(ctx, msgs); settled {
			return mqconsumer.ConsumeSuccess
		} else if !parked {
			return mqconsumer.SuspendCurrentQueueAMoment
		}
	}
	e.park.stay()
	return mqconsumer.SuspendCurrentQueueAMoment // to nobody: the queue is dropped
}

// takeTurn works on the messages while it is their turn. It leaves the park.
func (e *engine) takeTurn(ctx context.Context, msgs []*primitive.MessageExt) (settled, parked bool) {
	defer e.park.leave()
	q := e.queues.of(queueOf(ctx, msgs[0]))
	if !q.take() {
		return false, !e.waitForTurn(q)
	}
	defer func() { <-q.turn }()
	work := q.begin(func(msg *primitive.MessageExt) *handling { return e.newHandling(ctx, msg) }, msgs)
	defer q.rest()
	for _, h := range work {
		if h.settled {
			continue
		}
		if !e.advanceInOrder(ctx, h) {
			return false, e.park.closed.Load()
		}
	}
	q.forget()
	return true, false
}

// take says whether no other call is at work on the queue, and keeps others off it.
func (q *queueState) take() bool {
	select {
	case q.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// waitForTurn waits a turn for another call to end, without taking over: when it has ended, the
// official client is to see first whether the queue is still its own. It says no if the park
// closes.
func (e *engine) waitForTurn(q *queueState) bool {
	t := time.NewTimer(turn)
	defer t.Stop()
	select {
	case q.turn <- struct{}{}:
		<-q.turn
	case <-t.C:
	case <-e.park.closing:
		return false
	}
	return true
}

// begin returns the handling of each message: the one that an earlier call began, if it is the
// very same message, so that its attempts and its due time count on. A message that was pulled
// again is another one: somebody may have set the offset back on purpose.
func (q *queueState) begin(fresh func(*primitive.MessageExt) *handling, msgs []*primitive.MessageExt) []*handling {
	work := []*handling{}
	for _, msg := range msgs {
		work = append(work, q.earlier(msg, fresh))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.begun, q.atWork = work, true
	return work
}

func (q *queueState) earlier(msg *primitive.MessageExt, fresh func(*primitive.MessageExt) *handling) *handling {
	for _, h := range q.begun {
		if h.given == msg {
			return h
		}
	}
	return fresh(msg)
}

func (q *queueState) rest() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.atWork = false
}

func (q *queueState) forget() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.begun = nil
}

// advanceInOrder does the next thing for a message, and says whether it is settled. A wait
// ends the call, so that a handler only runs right after the client has seen that the queue is
// its own.
func (e *engine) advanceInOrder(ctx context.Context, h *handling) (settled bool) {
	if wait := time.Until(h.due); !h.due.IsZero() && wait > 0 {
		e.sleep(ctx, h, min(wait, turn))
		return false
	}
	if h.next == storeDead {
		e.store(ctx, h)
		return h.settled
	}
	ran, err := e.try(ctx, h, true, turn)
	if !ran {
		return false
	}
	e.decide(h, err, true)
	if h.next == storeDead {
		e.store(ctx, h)
	}
	return h.settled
}
