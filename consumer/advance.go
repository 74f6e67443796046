package consumer

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/holdfast-mq/holdfast"
)

// storeTimeout bounds one try to store a copy; the next follows after a backoff.
const storeTimeout = time.Minute

// advance does what is next for a message of a concurrent listener: to run its handler, or to
// store its copy. It says no if the park closed before that.
func (e *engine) advance(ctx context.Context, h *handling) bool {
	switch h.next {
	case storeRetry, storeLater, storeDead:
		e.store(ctx, h)
		return true
	}
	ran, err := e.try(ctx, h, false, 0)
	if !ran {
		return false
	}
	e.decide(h, err, false)
	if h.next == storeRetry || h.next == storeLater || h.next == storeDead {
		e.store(ctx, h)
	}
	return true
}

// modeOf says where messages can go.
func (e *engine) modeOf(orderly bool) mode {
	switch {
	case e.copies == nil:
		return inPlace
	case orderly:
		return inOrder
	default:
		return withCopies
	}
}

// decide turns what a run returned into what is next.
func (e *engine) decide(h *handling, err error, orderly bool) {
	attempt := h.attempt(orderly)
	found, delay := find(err, e.exhausted(attempt, orderly))
	h.next = plan[found][e.modeOf(orderly)]
	switch h.next {
	case acknowledge:
		h.settled = true
		return
	case storeRetry:
		h.level = levelAfter(attempt)
		if found == asksRetry {
			h.level = levelFor(delay)
		}
		h.reason, h.attempts = err, h.attempts+1
		e.log(slog.LevelDebug, h, "the handler failed: a copy is stored for another attempt", err, "attempt", attempt)
	case storeLater:
		h.level, h.reason = levelFor(delay), err
	case storeDead:
		h.reason, h.attempts = err, h.attempts+1
		e.log(slog.LevelWarn, h, "the message becomes a dead letter", err, "attempt", attempt)
	case tryAgain:
		h.attempts++
		if delay == 0 {
			delay = e.after(h.attempts)
		}
		h.wait(delay)
		e.log(slog.LevelWarn, h, "the handler failed: tried again in place", err, "attempt", attempt, "in", delay)
	case comeAgain:
		h.wait(delay)
		if h.msg == nil {
			e.log(slog.LevelError, h, "the message cannot be read and is held", err)
		}
	case waitAtTheGate:
		h.due = time.Time{}
	}
}

// store tries once to store the copy that is next. Unless the broker confirmed it nothing is
// settled, and the try is repeated after a backoff, for as long as the process lives.
func (e *engine) store(ctx context.Context, h *handling) {
	bounded, cancel := context.WithTimeout(e.park.cancelled, storeTimeout)
	defer cancel()
	err := e.storeOnce(bounded, h)
	topic := h.shown().Topic
	if h.next == storeDead {
		e.telemetry.DeadLetter(ctx, topic, h.group, err)
	} else {
		e.telemetry.Retry(ctx, topic, h.group, err)
	}
	if err != nil {
		h.stores++
		wait := e.after(h.stores)
		h.wait(wait)
		e.log(slog.LevelWarn, h, "a copy could not be stored: the message is kept, not acknowledged, and the copy tried again", err, "in", wait)
		return
	}
	h.settled = true
}

func (e *engine) storeOnce(ctx context.Context, h *handling) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	switch h.next {
	case storeRetry:
		return e.copies.Retry(ctx, h.shown(), h.level, h.attempt(false)-1, h.reason)
	case storeLater:
		return e.copies.Later(ctx, h.shown(), h.level, h.reason)
	case storeDead:
		return e.copies.DeadLetter(ctx, h.shown(), h.reason)
	default:
		return errors.New("consumer: nothing to store") // a mistake here must not acknowledge
	}
}

func (e *engine) log(level slog.Level, h *handling, text string, err error, attrs ...any) {
	ctx := context.Background()
	if !e.logger.Enabled(ctx, level) {
		return
	}
	msg := h.shown()
	if err != nil {
		attrs = append(attrs, "error", err)
	}
	e.logger.With("topic", msg.Topic, "group", h.group, "id", holdfast.MessageID(msg),
		"broker", h.at.broker, "queue", h.at.id, "offset", h.at.offset).
		Log(ctx, level, text, attrs...)
}
