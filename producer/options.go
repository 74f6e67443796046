package producer

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqproducer "github.com/apache/rocketmq-client-go/v2/producer"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/backoff"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

// maxAttemptTimeout is the official client's own limit, which no option of its changes.
const maxAttemptTimeout = 3 * time.Second

// Option changes a default of New. A bad value is an error of New.
type Option func(*config)

type config struct {
	attempts       int
	attemptTimeout time.Duration
	backoff        backoff.Policy
	resend         bool

	batching   bool
	lanes      int
	batchBytes int

	maxMessages    int
	maxBytes       int
	maxMessageSize int
	compressFrom   int
	maxStuck       int

	selector mqproducer.QueueSelector
	queues   map[string][]remoting.Queue

	preflight       holdfast.Preflight
	preflightTopics []string

	logger     *slog.Logger
	telemetry  telemetry.Config
	ownsPanics bool
}

func defaults() config {
	return config{
		attempts:       5,
		attemptTimeout: maxAttemptTimeout,
		backoff:        backoff.Policy{Base: 50 * time.Millisecond, Max: 2 * time.Second},
		batching:       true,
		lanes:          2,
		batchBytes:     1 << 20,
		maxMessages:    65_536,
		maxBytes:       64 << 20,
		maxMessageSize: 4 << 20,
		compressFrom:   4096,
		maxStuck:       64,
		queues:         map[string][]remoting.Queue{},
		logger:         slog.Default(),
		ownsPanics:     true,
	}
}

// WithAttempts bounds how often one message is tried. The default is 5; 1 means no second
// attempt; values below 1 are an error of New.
func WithAttempts(n int) Option { return func(c *config) { c.attempts = n } }

// WithAttemptTimeout bounds the wait for the answer to one attempt. The default and the
// maximum is 3 s, the official client's own limit. It is best above the broker's
// syncFlushTimeout and slaveTimeout (5 s and 3 s by default), which then have to be lowered:
// otherwise a broker that could not flush is seen as an unknown outcome.
func WithAttemptTimeout(d time.Duration) Option { return func(c *config) { c.attemptTimeout = d } }

// WithBackoff sets the delays between attempts: full jitter below base, doubled each time,
// at most longest. The default is 50 ms and 2 s.
func WithBackoff(base, longest time.Duration) Option {
	return func(c *config) { c.backoff = backoff.Policy{Base: base, Max: longest} }
}

// WithResendNotDurable makes another attempt after FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT
// and SLAVE_NOT_AVAILABLE: the message is then stored twice under one UNIQ_KEY. The default
// is to fail at once with a *holdfast.NotDurableError.
func WithResendNotDurable() Option { return func(c *config) { c.resend = true } }

// WithoutBatching sends every message in a request of its own. The default is that messages
// which arrive while a request of their lane is in flight go together in the next one.
func WithoutBatching() Option { return func(c *config) { c.batching = false } }

// WithLanes sets how many batches of unkeyed messages of one topic are in flight at once. The
// default is 2: more means smaller batches. Messages with a sharding key have one lane for
// each queue, and messages that cannot be in a batch up to 1,024, whatever this says.
func WithLanes(n int) Option { return func(c *config) { c.lanes = n } }

// WithMaxBatchBytes bounds a batch that forms by itself. The default is 1 MiB.
func WithMaxBatchBytes(n int) Option { return func(c *config) { c.batchBytes = n } }

// WithMaxInFlight bounds what has been accepted and not settled, in messages and in bytes of
// bodies and properties. The defaults are 65,536 and 64 MiB. A send waits for room until its
// ctx ends; then it was not stored.
func WithMaxInFlight(messages, bytes int) Option {
	return func(c *config) { c.maxMessages, c.maxBytes = messages, bytes }
}

// WithMaxMessageSize is the largest body, and the largest sum of bodies of an explicit batch,
// that is sent at all. The default is 4 MiB, as on brokers; raise both.
func WithMaxMessageSize(bytes int) Option { return func(c *config) { c.maxMessageSize = bytes } }

// WithCompressFrom sets the body size from which a message is compressed (zlib) and has a
// request of its own; smaller ones go uncompressed, in batches. The default is 4096 bytes, as
// in the official client. More trades space on the broker's disk for throughput.
func WithCompressFrom(bytes int) Option { return func(c *config) { c.compressFrom = bytes } }

// WithMaxStuck bounds the attempts that the official client does not come back from, because
// a peer has stopped reading or a dial hangs. At the bound new sends fail at once, not
// stored. The default is 64.
func WithMaxStuck(n int) Option { return func(c *config) { c.maxStuck = n } }

// WithQueueSelector lets s choose the queue of every message that has no Queue set: once for
// each send, among the queues that can be written to, sorted by broker and id, with an empty
// lastBrokerName. Every attempt then goes to that queue. The default is by sharding key, and
// in turn for messages without one.
func WithQueueSelector(s mqproducer.QueueSelector) Option {
	return func(c *config) { c.selector = s }
}

// WithQueues says how many queues each broker has for a topic, by broker name, so that
// sharding keys find the same queue in a process that starts while a broker is away. The
// default is the widest set that the process has seen.
func WithQueues(topic string, perBroker map[string]int) Option {
	return func(c *config) {
		var queues []remoting.Queue
		for broker, n := range perBroker {
			for id := range max(n, 0) {
				queues = append(queues, remoting.Queue{Topic: topic, Broker: broker, ID: id})
			}
		}
		c.queues[topic] = queues
	}
}

// WithPreflight makes Start fail with the error of check unless it passes for the topics.
func WithPreflight(check holdfast.Preflight, topics ...string) Option {
	return func(c *config) { c.preflight, c.preflightTopics = check, topics }
}

// WithLogger sets where the producer logs, and with it the official client, whose logger is
// one for the process: the newest wins. The default is slog.Default().
func WithLogger(l *slog.Logger) Option { return func(c *config) { c.logger = l } }

// WithTracerProvider sets the source of spans; the default is the global one.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.telemetry.TracerProvider = p }
}

// WithMeterProvider sets the source of instruments; the default is the global one.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(c *config) { c.telemetry.MeterProvider = p }
}

// WithPropagator sets what writes the trace context into message properties; the default is
// the global one.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(c *config) { c.telemetry.Propagator = p }
}

// WithoutPanicHandler leaves primitive.PanicHandler alone. The default sets it once for the
// process, chained to what was there: a panic in a goroutine of the official client is then
// logged, and Healthy says so, where it would end the process.
func WithoutPanicHandler() Option { return func(c *config) { c.ownsPanics = false } }

func (c *config) validate() error {
	var complaints []error
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Errorf("producer: option "+format, args...))
	}
	atLeast := func(option string, n, least int) {
		if n < least {
			complain("%s is %d: give at least %d", option, n, least)
		}
	}
	atLeast("WithAttempts", c.attempts, 1)
	atLeast("WithLanes", c.lanes, 1)
	atLeast("WithMaxBatchBytes", c.batchBytes, 1)
	atLeast("WithMaxInFlight: messages", c.maxMessages, 1)
	atLeast("WithMaxInFlight: bytes", c.maxBytes, 1)
	atLeast("WithMaxMessageSize", c.maxMessageSize, 1)
	atLeast("WithCompressFrom", c.compressFrom, 1)
	atLeast("WithMaxStuck", c.maxStuck, 1)
	if c.attemptTimeout <= 0 || c.attemptTimeout > maxAttemptTimeout {
		complain("WithAttemptTimeout is %v: give more than 0 and at most %v, the official client's own limit", c.attemptTimeout, maxAttemptTimeout)
	}
	if c.backoff.Base < 0 || c.backoff.Max < c.backoff.Base {
		complain("WithBackoff is %v, %v: give 0 or more, and the longest not below the base", c.backoff.Base, c.backoff.Max)
	}
	if c.logger == nil {
		complain("WithLogger is nil: leave it out, or give slog.New(slog.DiscardHandler)")
	}
	for topic, queues := range c.queues {
		if len(queues) == 0 {
			complain("WithQueues: %q has no queues: give at least one for a broker", topic)
		}
	}
	return errors.Join(complaints...)
}
