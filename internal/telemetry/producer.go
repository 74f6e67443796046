// Package telemetry speaks OpenTelemetry's messaging conventions for holdfast's clients, on
// the OpenTelemetry API alone: without an SDK in the program everything here does next to
// nothing.
package telemetry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-mq/holdfast"
)

// Config says where spans and measurements go and how the context of a span is written into
// a message. A nil field means the global one, as it is when NewProducer is called; the
// globals of the API follow an SDK that is installed later.
type Config struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Propagator     propagation.TextMapPropagator
}

// complete fills in the global ones.
func (cfg Config) complete() Config {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	if cfg.Propagator == nil {
		cfg.Propagator = otel.GetTextMapPropagator()
	}
	return cfg
}

// A Producer records what one producer does. It is safe for concurrent use.
type Producer struct {
	tracer     trace.Tracer
	meter      metric.Meter
	propagator propagation.TextMapPropagator
	measures   measures
	cluster    holdfast.Cluster // only for its namespace
	clientID   string
	tracing    napping

	destinations sync.Map // topic: *destination
	known        atomic.Int64
}

// NewProducer returns the telemetry of the producer that brokers know as clientID, in the
// scope of the package with that import path. Topics of namespace are shown without it.
//
// The error is the meter's refusal of an instrument.
func NewProducer(cfg Config, scope, version, clientID, namespace string) (*Producer, error) {
	cfg = cfg.complete()
	p := &Producer{
		tracer: cfg.TracerProvider.Tracer(scope,
			trace.WithInstrumentationVersion(version), trace.WithSchemaURL(semconv.SchemaURL)),
		meter: cfg.MeterProvider.Meter(scope,
			metric.WithInstrumentationVersion(version), metric.WithSchemaURL(semconv.SchemaURL)),
		propagator: cfg.Propagator,
		cluster:    holdfast.Cluster{Namespace: namespace},
		clientID:   clientID,
	}
	var err error
	if p.measures, err = newMeasures(p.meter); err != nil {
		return nil, fmt.Errorf("telemetry: instruments: %w", err)
	}
	return p, nil
}

// A destination is what is the same for every send to a topic, made once, so that a send that
// nobody records allocates nothing for it.
type destination struct {
	spanName string
	span     []attribute.KeyValue    // set when a span starts, for the sampler to see
	options  []trace.SpanStartOption // of the span of a single message, the usual one
	metric   []attribute.KeyValue
	topic    attribute.KeyValue
}

// maxDestinations bounds what is remembered when a program makes up topics without end.
const maxDestinations = 1024

func (p *Producer) destination(topic string) *destination {
	if d, found := p.destinations.Load(topic); found {
		return d.(*destination)
	}
	d := p.newDestination(p.cluster.BareTopic(topic))
	if p.known.Load() < maxDestinations {
		p.known.Add(1)
		p.destinations.Store(topic, d)
	}
	return d
}

func (p *Producer) newDestination(topic string) *destination {
	d := &destination{
		spanName: "send " + topic,
		topic:    semconv.MessagingDestinationName(topic),
	}
	d.metric = []attribute.KeyValue{
		semconv.MessagingSystemRocketMQ,
		semconv.MessagingOperationName("send"),
		semconv.MessagingOperationTypeSend,
		d.topic,
	}
	d.span = append([]attribute.KeyValue{
		semconv.MessagingRocketMQNamespace(p.cluster.Namespace),
		semconv.MessagingClientID(p.clientID),
	}, d.metric...)
	d.options = []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(d.span...),
	}
	return d
}

// Observe has inFlight (messages accepted and not yet answered for) and abandoned (attempts
// left running behind a ctx that ended) read whenever metrics are collected, until
// unregister is called. Both are called from any goroutine.
func (p *Producer) Observe(inFlight, abandoned func() int64) (unregister func()) {
	attributes := metric.WithAttributes(semconv.MessagingClientID(p.clientID))
	registration, err := p.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(p.measures.inFlight, inFlight(), attributes)
		o.ObserveInt64(p.measures.abandoned, abandoned(), attributes)
		return nil
	}, p.measures.inFlight, p.measures.abandoned)
	if err != nil {
		otel.Handle(err)
		return func() {}
	}
	return func() {
		if err := registration.Unregister(); err != nil {
			otel.Handle(err)
		}
	}
}
