package consumer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-mq/holdfast/internal/backoff"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

const (
	defaultTimeout        = 5 * time.Minute
	defaultOrderlyTimeout = 30 * time.Second
	defaultMaxAttempts    = 16

	// maxOrderlyTimeout stays below the 60 s after which a broker gives an orderly queue's lock
	// away: a handler that still ran then would run beside the next owner's.
	maxOrderlyTimeout = 55 * time.Second
)

// GuardOption changes a default of Guard.
type GuardOption interface{ applyToGuard(*settings) }

// A HandlingOption says how messages are handled; it is an option of Guard and of New.
type HandlingOption func(*settings)

func (o HandlingOption) applyToGuard(s *settings) { o(s) }

// settings are what handling a message depends on.
type settings struct {
	copies      copies        // nil: nowhere to store copies
	timeout     time.Duration // 0: the default of the mode
	maxAttempts int           // 0: the default of the mode
	backoff     backoff.Policy
	decompress  Decompressor
	logger      *slog.Logger
	telemetry   telemetry.Config
}

func defaultSettings() settings {
	return settings{
		backoff: backoff.Policy{Base: time.Second, Max: 30 * time.Second},
		logger:  slog.Default(),
	}
}

// WithHandlerTimeout sets the deadline of a handler's context. The default is 5 min, and 30 s
// for an orderly consumer, whose maximum is 55 s: a longer one is shortened to that there. A
// handler that does not obey it keeps its slot, is reported, and is not run a second time
// beside itself. 0 and below are refused.
func WithHandlerTimeout(d time.Duration) HandlingOption {
	return func(s *settings) {
		s.timeout = d
		if d == 0 {
			s.timeout = -1 // told from what was not set
		}
	}
}

// WithMaxAttempts sets after how many failed attempts a message becomes a dead letter. The
// default is 16, and for an orderly consumer to try for ever. It needs Retries: without, there
// is nowhere to put dead letters and every message is tried for ever. Below 1 is refused.
func WithMaxAttempts(n int) HandlingOption {
	return func(s *settings) {
		s.maxAttempts = n
		if n == 0 {
			s.maxAttempts = -1
		}
	}
}

// WithBackoff sets the delays between attempts made in place (orderly, or without Retries), to
// store a copy, and to probe a handler that paused: full jitter below base, doubled each time,
// at most longest, never less than 100 ms unless longest is. The default is 1 s and 30 s.
func WithBackoff(base, longest time.Duration) HandlingOption {
	return func(s *settings) { s.backoff = backoff.Policy{Base: base, Max: longest} }
}

// WithLogger sets where the consumer logs, and with it the official client, whose logger is
// one for the process: the newest wins. The default is slog.Default().
func WithLogger(l *slog.Logger) HandlingOption { return func(s *settings) { s.logger = l } }

// WithTracerProvider sets the source of spans; the default is the global one.
func WithTracerProvider(p trace.TracerProvider) HandlingOption {
	return func(s *settings) { s.telemetry.TracerProvider = p }
}

// WithMeterProvider sets the source of instruments; the default is the global one.
func WithMeterProvider(p metric.MeterProvider) HandlingOption {
	return func(s *settings) { s.telemetry.MeterProvider = p }
}

// WithPropagator sets what reads the trace context from message properties; the default is
// the global one.
func WithPropagator(p propagation.TextMapPropagator) HandlingOption {
	return func(s *settings) { s.telemetry.Propagator = p }
}

func (s *settings) validate() error {
	var complaints []error
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Errorf("consumer: option "+format, args...))
	}
	if s.timeout < 0 {
		complain("WithHandlerTimeout: give more than 0")
	}
	if s.maxAttempts < 0 {
		complain("WithMaxAttempts: give at least 1")
	}
	if s.backoff.Base < 0 || s.backoff.Max < s.backoff.Base {
		complain("WithBackoff is %v, %v: give 0 or more, and the longest not below the base", s.backoff.Base, s.backoff.Max)
	}
	if s.logger == nil {
		complain("WithLogger is nil: leave it out, or give slog.New(slog.DiscardHandler)")
	}
	return errors.Join(complaints...)
}

// timeoutOf is how long a handler may take.
func (s *settings) timeoutOf(orderly bool) time.Duration {
	switch {
	case s.timeout == 0 && orderly:
		return defaultOrderlyTimeout
	case s.timeout == 0:
		return defaultTimeout
	case orderly:
		return min(s.timeout, maxOrderlyTimeout)
	default:
		return s.timeout
	}
}

// exhausted says whether the attempt of that number, counted from 1, was the last.
func (s *settings) exhausted(attempt int, orderly bool) bool {
	switch {
	case s.maxAttempts > 0:
		return attempt >= s.maxAttempts
	case orderly:
		return false
	default:
		return attempt >= defaultMaxAttempts
	}
}

// after is the wait after the n-th failure in place.
func (s *settings) after(n int) time.Duration {
	return max(s.backoff.Delay(n), min(100*time.Millisecond, s.backoff.Max))
}
