package consumer

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// watchdog reports handlers that are over their deadline and still run. A guard has nothing
// that ends it, so the watchdog is a timer that is set only while messages are handled:
//
//	a run                        the timer fires
//	-----                        ---------------
//	registers its message
//	armed? then nothing          armed = false
//	                             looks at everything registered
//	otherwise armed = true,      something there? then like a run: armed = true, set
//	set the timer
//
// A run that finds it armed has registered before armed became false, so it is looked at.
type watchdog struct {
	armed   atomic.Bool
	overdue atomic.Int64 // handlers that were over their deadline at the last look
}

func (w *watchdog) watch(e *engine) {
	if !w.armed.Load() {
		w.arm(e)
	}
}

func (w *watchdog) arm(e *engine) {
	if w.armed.CompareAndSwap(false, true) {
		time.AfterFunc(e.interval(), func() { w.look(e) })
	}
}

// interval is how often to look: a quarter of the shortest deadline, within reason.
func (e *engine) interval() time.Duration {
	return min(max(min(e.timeoutOf(true), e.timeoutOf(false))/4, 10*time.Millisecond), 30*time.Second)
}

func (w *watchdog) look(e *engine) {
	w.armed.Store(false)
	busy, now := false, time.Now()
	type late struct {
		h  *handling
		by time.Duration
	}
	var overdue int64
	var lates []late
	see := func(h *handling) {
		busy = true
		r := h.running.Load()
		if r == nil || now.Before(r.deadline) {
			return
		}
		overdue++
		if !r.reported {
			r.reported = true
			lates = append(lates, late{h, now.Sub(r.deadline)})
		}
	}
	e.inflight.each(see)
	e.queues.each(see)
	w.overdue.Store(overdue)
	if busy {
		w.arm(e)
	}
	for _, l := range lates {
		e.log(slog.LevelError, l.h, "a handler is over its deadline and still runs: it keeps its slot, and its message is not run again meanwhile", nil, "over", l.by)
	}
}
