package consumer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/holdfast-mq/holdfast"
)

// panicError is what a panic of a handler is to its message.
type panicError struct {
	value any
	stack []byte
}

func newPanicError(v any) *panicError { return &panicError{value: v, stack: debug.Stack()} }

func (e *panicError) Error() string { return fmt.Sprintf("consumer: panic: %v", e.value) }

// Unwrap finds an error that was panicked with.
func (e *panicError) Unwrap() error {
	err, _ := e.value.(error)
	return err
}

// ErrorType is how telemetry calls it.
func (e *panicError) ErrorType() string { return "panic" }

// errGoexit is what a run ends with whose goroutine was ended by runtime.Goexit.
var errGoexit = errors.New("consumer: the handler ended its goroutine (runtime.Goexit)")

// try runs the handler of h once, when its gate lets it through. It says no if that was not in
// time: the park closed, or limit, if above 0, was over.
func (e *engine) try(ctx context.Context, h *handling, orderly bool, limit time.Duration) (ran bool, err error) {
	to, err := e.prepare(h)
	if err != nil {
		return true, err
	}
	if !to.slots.take(e.park.closing) {
		return false, nil
	}
	defer to.slots.give()
	var p pass
	if !to.gate.shut.Load() {
		return true, e.through(ctx, h, to, p, orderly)
	}
	over := e.held(ctx, h)
	p, in := to.gate.enter(e.park.closing, limit)
	over()
	if !in {
		return false, nil
	}
	return true, e.through(ctx, h, to, p, orderly)
}

// through runs the handler and tells the gate what came of it, whatever way it ends.
func (e *engine) through(ctx context.Context, h *handling, to *target, p pass, orderly bool) (err error) {
	err = errGoexit
	defer func() { to.gate.leave(p, reportOf(err), err) }()
	err = e.run(ctx, h, to.handle, orderly)
	return err
}

func reportOf(err error) report {
	if err == nil {
		return answered
	}
	var verdict *holdfast.Verdict
	switch {
	case errors.As(err, &verdict) && verdict.Kind == holdfast.VerdictPause:
		return mustPause
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, errGoexit):
		return noAnswer // a dependency that is down often shows as this alone
	default:
		return answered
	}
}

// prepare makes the message readable and finds its handler.
func (e *engine) prepare(h *handling) (*target, error) {
	if h.msg == nil {
		msg, err := readable(h.given, e.decompress)
		if err != nil {
			return nil, err
		}
		if e.bare != nil {
			if topic := e.bare(msg.Topic); topic != msg.Topic {
				if msg == h.given {
					msg = cloned(msg) // the official client finds listeners by the topic
				}
				msg.Topic = topic
			}
		}
		h.msg = msg
	}
	return e.route(h.msg)
}

// run runs a handler once: with a deadline, until it and the work it started have ended.
func (e *engine) run(ctx context.Context, h *handling, handle holdfast.Handler, orderly bool) (err error) {
	if h.ran {
		protect(h.given) // a handler may have set its properties
	}
	h.ran = true
	begun := time.Now()
	bounded := newRunContext(ctx, e.park.cancelled, begun, e.timeoutOf(orderly))
	defer bounded.end()
	h.running.Store(bounded)
	e.watchdog.watch(e)
	defer h.running.Store(nil)

	traced, process := e.telemetry.Start(bounded, h.msg, h.group, h.at.broker, h.at.id, begun)
	err = errGoexit
	defer func() { process.End(err) }()
	under, work := holdfast.WithWork(traced)
	err = e.call(under, h, handle)
	if of := work.Wait(); of != nil {
		err = errors.Join(err, of)
	}
	return err
}

// call calls the handler; a panic is its error.
func (e *engine) call(ctx context.Context, h *handling, handle holdfast.Handler) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if v := recover(); v != nil {
			caught := newPanicError(v)
			e.log(slog.LevelError, h, "the handler panicked", caught, "stack", string(caught.stack))
			err = caught
			return
		}
		// The goroutine is the official client's and ends here: nothing can be returned to it.
		// The message stays in its cache, unacknowledged, and so do the offsets behind it.
		e.log(slog.LevelError, h, "the handler ended the goroutine it was called on: its queue's offset stays until the queue moves or the process is restarted", errGoexit)
	}()
	topic := h.msg.Topic
	err = handle(ctx, h.msg)
	if h.msg.Topic != topic {
		h.msg.Topic = topic // by which the official client finds its listener, and copies their way
	}
	returned = true
	return err
}
