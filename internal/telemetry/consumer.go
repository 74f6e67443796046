package telemetry

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-mq/holdfast"
)

// A Consumer records what one consumer does. It is safe for concurrent use.
type Consumer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	measures   consumerMeasures
	cluster    holdfast.Cluster // only for its namespace

	mu      sync.Mutex
	sources atomic.Pointer[map[from]*source] // replaced under mu, never changed: every message reads it

	tracing napping
}

// NewConsumer returns the telemetry of a consumer in the scope of the package with that import
// path. Topics and groups of namespace are shown without it. The error is the meter's refusal
// of an instrument.
func NewConsumer(cfg Config, scope, version, namespace string) (*Consumer, error) {
	cfg = cfg.complete()
	c := &Consumer{
		tracer: cfg.TracerProvider.Tracer(scope,
			trace.WithInstrumentationVersion(version), trace.WithSchemaURL(semconv.SchemaURL)),
		propagator: cfg.Propagator,
		cluster:    holdfast.Cluster{Namespace: namespace},
	}
	c.sources.Store(&map[from]*source{})
	var err error
	if c.measures, err = newConsumerMeasures(cfg.MeterProvider.Meter(scope,
		metric.WithInstrumentationVersion(version), metric.WithSchemaURL(semconv.SchemaURL))); err != nil {
		return nil, fmt.Errorf("telemetry: instruments: %w", err)
	}
	return c, nil
}

// from is where a message comes from.
type from struct{ topic, group string }

// A source is what is the same for every message of a topic and group, made once.
type source struct {
	spanName string
	options  []trace.SpanStartOption
	metric   []attribute.KeyValue
	own      []attribute.KeyValue // of our own instruments
}

func (c *Consumer) source(topic, group string) *source {
	key := from{topic, group}
	if s := (*c.sources.Load())[key]; s != nil {
		return s
	}
	return c.newSource(key)
}

func (c *Consumer) newSource(key from) *source {
	topic := semconv.MessagingDestinationName(c.cluster.BareTopic(key.topic))
	group := semconv.MessagingConsumerGroupName(c.cluster.BareTopic(key.group))
	s := &source{
		spanName: "process " + topic.Value.AsString(),
		own:      []attribute.KeyValue{topic, group},
		metric: []attribute.KeyValue{
			semconv.MessagingSystemRocketMQ,
			semconv.MessagingOperationName("process"),
			semconv.MessagingOperationTypeProcess,
			topic, group,
		},
	}
	s.options = []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(s.metric...),
		trace.WithAttributes(semconv.MessagingRocketMQNamespace(c.cluster.Namespace)),
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := *c.sources.Load(); len(known) < maxDestinations {
		grown := maps.Clone(known)
		grown[key] = s
		c.sources.Store(&grown)
	}
	return s
}

// Retry counts a copy of a message of topic that is to be delivered later; err is nil if it was
// stored.
func (c *Consumer) Retry(ctx context.Context, topic, group string, err error) {
	c.copied(ctx, c.measures.retries, topic, group, err)
}

// DeadLetter counts a dead letter; err is nil if it was stored.
func (c *Consumer) DeadLetter(ctx context.Context, topic, group string, err error) {
	c.copied(ctx, c.measures.deadLetters, topic, group, err)
}

func (c *Consumer) copied(ctx context.Context, counter metric.Int64Counter, topic, group string, err error) {
	if !counter.Enabled(ctx) {
		return
	}
	outcome := AttemptStored
	if err != nil {
		outcome = AttemptUnknown
	}
	own := c.source(topic, group).own
	counter.Add(ctx, 1, metric.WithAttributes(append(own[:len(own):len(own)], OutcomeKey.String(string(outcome)))...))
}

// Held counts that n messages more wait in memory, or fewer if n is below 0.
func (c *Consumer) Held(ctx context.Context, topic, group string, n int) {
	if c.measures.held.Enabled(ctx) {
		c.measures.held.Add(ctx, int64(n), metric.WithAttributes(c.source(topic, group).own...))
	}
}

// Lag measures how many messages of topic the group has not acknowledged.
func (c *Consumer) Lag(ctx context.Context, topic, group string, messages int64) {
	if c.measures.lag.Enabled(ctx) {
		c.measures.lag.Record(ctx, messages, metric.WithAttributes(c.source(topic, group).own...))
	}
}

// Mismatch counts that another member of the group was seen to subscribe topic differently.
func (c *Consumer) Mismatch(ctx context.Context, topic, group string) {
	if c.measures.mismatches.Enabled(ctx) {
		c.measures.mismatches.Add(ctx, 1, metric.WithAttributes(c.source(topic, group).own...))
	}
}
