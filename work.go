package holdfast

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// Go runs f beside the handler whose context ctx is, or comes from: the message is settled
// only after f has returned, and its error is the handler's, as is a panic. f gets ctx and
// should end when it does.
//
// ctx must be a handler's, or from WithWork, and its message must not be settled yet: Go
// panics otherwise, because nobody would wait for f. A bare go statement with a nil return
// loses the message when f fails, with every client.
func Go(ctx context.Context, f func(context.Context) error) {
	work, ok := ctx.Value(workKey{}).(*Work)
	if !ok {
		panic("holdfast: Go: ctx is not a handler's, nobody would wait: pass on the handler's context, or one from WithWork")
	}
	if !work.begin() {
		panic("holdfast: Go: the handler of this ctx has returned and its message is settled, nobody would wait: call Go before the handler, or what it started, returns")
	}
	go work.run(ctx, f)
}

// Work is what was started with Go under one context. Its zero value is ready; get one from
// WithWork.
type Work struct {
	mu      sync.Mutex
	running int
	waited  bool
	idle    chan struct{} // closed when running becomes 0; made by Wait
	errs    []error
}

// WithWork returns a context under which Go works, and the Work to wait for: what a consumer
// does for each handler it calls, and a test that calls a handler itself. An outer Work does
// not see what is started under the inner one.
func WithWork(ctx context.Context) (context.Context, *Work) {
	c := &workContext{Context: ctx}
	return c, &c.work
}

// Wait waits for everything that Go started, what is started meanwhile included, and returns
// the errors joined, nil if there were none. Afterwards Go panics. It waits as long as it
// takes: the context is what tells the work to end.
func (w *Work) Wait() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.running > 0 {
		if w.idle == nil {
			w.idle = make(chan struct{})
		}
		idle := w.idle
		w.mu.Unlock()
		<-idle
		w.mu.Lock()
	}
	w.waited = true
	return errors.Join(w.errs...)
}

func (w *Work) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waited {
		return false
	}
	w.running++
	return true
}

func (w *Work) run(ctx context.Context, f func(context.Context) error) {
	// Until f returns it counts as ended by runtime.Goexit, which runs deferred calls only.
	err := errors.New("holdfast: Go: the function ended its goroutine (runtime.Goexit) instead of returning")
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("holdfast: Go: panic: %v\n%s", v, debug.Stack())
		}
		w.end(err)
	}()
	err = f(ctx)
}

func (w *Work) end(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.errs = append(w.errs, err)
	}
	w.running--
	if w.running == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// workContext is the context and the Work in one, because every message needs both.
type workContext struct {
	context.Context
	work Work
}

type workKey struct{}

func (c *workContext) Value(key any) any {
	if _, ours := key.(workKey); ours {
		return &c.work
	}
	return c.Context.Value(key)
}
