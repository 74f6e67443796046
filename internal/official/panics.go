package official

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

var (
	watchPanics sync.Once
	panics      atomic.Int64
	dead        atomic.Pointer[deadError]
)

// WatchPanics makes a panic in one of the official client's goroutines, anywhere in the
// process, survivable and seen: it is logged where SetLogger says, counted, and, if the
// goroutine was one that its client cannot do without, Dead returns it from then on. Without
// it, and unless the program has set primitive.PanicHandler, such a panic ends the process.
//
// Only the first call does anything. A handler that was set before is called afterwards; one
// that is set later replaces this one. Setting it races with clients that already run, so the
// first call comes before them.
func WatchPanics() {
	watchPanics.Do(func() {
		earlier := primitive.PanicHandler
		primitive.PanicHandler = func(v any) {
			seen(v)
			if earlier != nil {
				earlier(v)
			}
		}
	})
}

// Dead returns nil while every goroutine that the official client's instances in this process
// live on is alive, as far as WatchPanics can see. Afterwards it returns why not, forever:
// what is gone cannot be started again, and which clients lived on it is not known, so each of
// them is unhealthy until the process is restarted.
func Dead() error {
	if d := dead.Load(); d != nil {
		return d
	}
	return nil
}

// Panics returns how many panics WatchPanics has seen, those that harmed one request included.
func Panics() int64 { return panics.Load() }

type deadError struct {
	goroutine string
	value     any
}

func (e *deadError) Error() string {
	return fmt.Sprintf("official: the client's goroutine %s is gone after a panic: %v: restart the process", e.goroutine, e.value)
}

// perRequest are the goroutines that the client starts for a single request: a panic there
// costs that request and nothing else. Every other one is a loop, or is taken for one.
var perRequest = []string{
	"internal/remote.(*remotingClient).InvokeAsync.", // runs the callback of an asynchronous send
	"internal/remote.(*remotingClient).processCMD.",  // hands over a response, or answers a broker's request
}

// seen is called on the panicking goroutine, while what panicked is still on its stack.
func seen(v any) {
	panics.Add(1)
	goroutine, value := recovered(), harmless(v)
	for _, name := range perRequest {
		if strings.HasPrefix(goroutine, name) {
			logger().Error("panic in a goroutine of the official client: one request is lost",
				"goroutine", goroutine, "panic", value, "stack", string(debug.Stack()))
			return
		}
	}
	dead.CompareAndSwap(nil, &deadError{goroutine: goroutine, value: value})
	logger().Error("panic in a goroutine that the official client cannot do without: restart the process",
		"goroutine", goroutine, "panic", value, "stack", string(debug.Stack()))
}

const module = "github.com/apache/rocketmq-client-go/v2/"

// recovered names the function that the innermost primitive.WithRecover on the stack was
// running, without the module's path; "unknown" if there is none.
func recovered() string {
	pcs := make([]uintptr, 64)
	for n := runtime.Callers(2, pcs); ; n = runtime.Callers(2, pcs) {
		if n < len(pcs) {
			pcs = pcs[:n]
			break
		}
		pcs = make([]uintptr, 2*len(pcs))
	}
	frames := runtime.CallersFrames(pcs)
	for called := "unknown"; ; {
		frame, more := frames.Next()
		if frame.Function == module+"primitive.WithRecover" {
			return strings.TrimPrefix(called, module)
		}
		if !more {
			return "unknown"
		}
		called = frame.Function
	}
}
