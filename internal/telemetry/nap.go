package telemetry

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// nap is for how long a tracer is not asked that has made a span without an id: it has no SDK
// behind it, and each such span costs a few allocations. An SDK may be installed at any time.
const nap = time.Second

// napping remembers that a tracer is not worth asking.
type napping struct{ until atomic.Int64 }

func (n *napping) asleep(now time.Time) bool { return now.UnixNano() < n.until.Load() }

// see looks at a span that a tracer has made.
func (n *napping) see(span trace.Span, now time.Time) {
	if !span.IsRecording() && !span.SpanContext().IsValid() {
		n.until.Store(now.Add(nap).UnixNano())
	}
}

var noSpan = trace.SpanFromContext(context.Background())
