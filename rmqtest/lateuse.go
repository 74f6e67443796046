package rmqtest

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// ErrorTB is what NoLateUse needs of a test; *testing.T, *testing.B and *testing.F have it.
type ErrorTB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// NoLateUse returns a middleware that fails the test when the context of a handler, or one made
// from it, is asked anything after the handler and the work it started with holdfast.Go have
// ended. That is what the mistake looks like that loses messages with every client:
//
//	go store(ctx, msg) // a bare go: the message is acknowledged when the handler returns
//	return nil
//
// and what holdfast.Go is there for. It sees the mistake only while the test runs, so wait for
// the goroutine's effect before the test ends; a goroutine that does not touch its context
// cannot be seen at all. Waiting for Done is no use, since it ends what waits.
func NoLateUse(tb ErrorTB) holdfast.Middleware {
	tb.Helper()
	w := &lateUse{tb: tb}
	tb.Cleanup(w.stop)
	return func(next holdfast.Handler) holdfast.Handler {
		return func(ctx context.Context, msg *primitive.MessageExt) error {
			return w.handle(ctx, msg, next)
		}
	}
}

type lateUse struct {
	mu   sync.Mutex
	tb   ErrorTB
	over bool // the test: it must not be failed any more
}

func (w *lateUse) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

func (w *lateUse) handle(ctx context.Context, msg *primitive.MessageExt, next holdfast.Handler) error {
	inner, cancel := context.WithCancel(ctx)
	worked, work := holdfast.WithWork(inner)
	watched := &watchedContext{Context: worked, report: func() { w.report(holdfast.MessageID(msg)) }}
	// The end comes before the cancellation, which lets what waited for it go on.
	defer cancel()
	defer watched.ended.Store(true)
	err := next(watched, msg)
	if of := work.Wait(); of != nil {
		err = errors.Join(err, of)
	}
	return err
}

func (w *lateUse) report(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.tb.Errorf("rmqtest: message %s: the handler's context is used after the handler returned, when its message may be acknowledged: start what goes on beside it with holdfast.Go\n%s", id, debug.Stack())
	}
}

// watchedContext reports the first use after the end.
type watchedContext struct {
	context.Context
	ended, reported atomic.Bool
	report          func()
}

func (c *watchedContext) Deadline() (time.Time, bool) { c.used(); return c.Context.Deadline() }
func (c *watchedContext) Done() <-chan struct{}       { c.used(); return c.Context.Done() }
func (c *watchedContext) Err() error                  { c.used(); return c.Context.Err() }
func (c *watchedContext) Value(key any) any           { c.used(); return c.Context.Value(key) }

func (c *watchedContext) used() {
	if c.ended.Load() && !isWindingUp() && c.reported.CompareAndSwap(false, true) {
		c.report()
	}
}

// isWindingUp says whether the call comes from what a standard package does by itself when a
// context ends: a derived context that follows its parent, a database/sql transaction or rows
// that are closed.
func isWindingUp() bool {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		for _, name := range []string{
			"context.(*cancelCtx).propagateCancel.func", "context.(*cancelCtx).cancel", "context.(*timerCtx).cancel",
			"context.removeChild", "database/sql.(*Tx).awaitDone", "database/sql.(*Rows).awaitDone",
		} {
			if strings.HasPrefix(frame.Function, name) {
				return true
			}
		}
		if !more {
			return false
		}
	}
}
