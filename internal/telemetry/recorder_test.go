package telemetry

import (
	"context"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// A recorder is what an SDK would be, as far as these tests look.
type recorder struct {
	tracenoop.TracerProvider
	metricnoop.MeterProvider
	scope, version, schema string

	mu           sync.Mutex
	spans        []*recordedSpan
	made         map[string]Instrument
	bounds       map[string][]float64
	measurements []measurement
	callbacks    map[int]metric.Callback
}

type measurement struct {
	name       string
	value      float64
	attributes map[string]any
	span       trace.SpanContext
}

// recording returns a producer's telemetry and where it ends up.
func recording(t *testing.T, namespace string) (*Producer, *recorder) {
	t.Helper()
	r := &recorder{made: map[string]Instrument{}, bounds: map[string][]float64{}, callbacks: map[int]metric.Callback{}}
	p, err := NewProducer(Config{
		TracerProvider: r,
		MeterProvider:  r,
		Propagator:     propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}, "example.com/scope", "v1", "10.0.0.1@1", namespace)
	require.NoError(t, err)
	return p, r
}

// consuming returns a consumer's telemetry that ends up in r.
func consuming(t *testing.T, r *recorder, namespace string) *Consumer {
	t.Helper()
	c, err := NewConsumer(Config{
		TracerProvider: r,
		MeterProvider:  r,
		Propagator:     propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
	}, "example.com/scope", "v1", namespace)
	require.NoError(t, err)
	return c
}

func (r *recorder) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	c := trace.NewTracerConfig(opts...)
	r.scope, r.version, r.schema = name, c.InstrumentationVersion(), c.SchemaURL()
	return recordingTracer{r: r}
}

type recordingTracer struct {
	tracenoop.Tracer
	r *recorder
}

type recordedSpan struct {
	tracenoop.Span
	name                string
	kind                trace.SpanKind
	context, parent     trace.SpanContext
	links               []trace.Link
	atStart, attributes map[string]any
	status              codes.Code
	description         string
	ended               int
}

func (t recordingTracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	c := trace.NewSpanStartConfig(opts...)
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	s := &recordedSpan{name: name, kind: c.SpanKind(), links: c.Links(), parent: trace.SpanContextFromContext(ctx),
		atStart: toMap(c.Attributes()), attributes: toMap(c.Attributes())}
	s.context = trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{byte(len(t.r.spans) + 1)}, TraceFlags: trace.FlagsSampled})
	t.r.spans = append(t.r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *recordedSpan) SpanContext() trace.SpanContext         { return s.context }
func (s *recordedSpan) IsRecording() bool                      { return true }
func (s *recordedSpan) SetAttributes(kv ...attribute.KeyValue) { maps.Copy(s.attributes, toMap(kv)) }
func (s *recordedSpan) SetStatus(code codes.Code, description string) {
	s.status, s.description = code, description
}
func (s *recordedSpan) End(...trace.SpanEndOption) { s.ended++ }

func toMap(attributes []attribute.KeyValue) map[string]any {
	m := map[string]any{}
	for _, kv := range attributes {
		m[string(kv.Key)] = kv.Value.AsInterface()
	}
	return m
}

func (r *recorder) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return recordingMeter{r: r}
}

type recordingMeter struct {
	metricnoop.Meter
	r *recorder
}

// An instrument records under its name.
type instrument struct {
	r    *recorder
	name string
}

func (i instrument) record(ctx context.Context, value float64, set attribute.Set) {
	i.r.mu.Lock()
	defer i.r.mu.Unlock()
	i.r.measurements = append(i.r.measurements, measurement{i.name, value, toMap(set.ToSlice()), trace.SpanContextFromContext(ctx)})
}

func (m recordingMeter) make(name string, kind Kind, unit, description string, bounds []float64) instrument {
	m.r.made[name] = Instrument{Name: name, Kind: kind, Unit: unit, Description: description}
	if bounds != nil {
		m.r.bounds[name] = bounds
	}
	return instrument{m.r, name}
}

type intCounter struct {
	metricnoop.Int64Counter
	instrument
}

func (m recordingMeter) Int64Counter(name string, opts ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	c := metric.NewInt64CounterConfig(opts...)
	return intCounter{instrument: m.make(name, Counter, c.Unit(), c.Description(), nil)}, nil
}
func (intCounter) Enabled(context.Context) bool { return true }
func (c intCounter) Add(ctx context.Context, n int64, opts ...metric.AddOption) {
	c.record(ctx, float64(n), metric.NewAddConfig(opts).Attributes())
}

type intUpDownCounter struct {
	metricnoop.Int64UpDownCounter
	instrument
}

func (m recordingMeter) Int64UpDownCounter(name string, opts ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	c := metric.NewInt64UpDownCounterConfig(opts...)
	return intUpDownCounter{instrument: m.make(name, UpDownCounter, c.Unit(), c.Description(), nil)}, nil
}
func (intUpDownCounter) Enabled(context.Context) bool { return true }
func (c intUpDownCounter) Add(ctx context.Context, n int64, opts ...metric.AddOption) {
	c.record(ctx, float64(n), metric.NewAddConfig(opts).Attributes())
}

type intGauge struct {
	metricnoop.Int64Gauge
	instrument
}

func (m recordingMeter) Int64Gauge(name string, opts ...metric.Int64GaugeOption) (metric.Int64Gauge, error) {
	c := metric.NewInt64GaugeConfig(opts...)
	return intGauge{instrument: m.make(name, Gauge, c.Unit(), c.Description(), nil)}, nil
}
func (intGauge) Enabled(context.Context) bool { return true }
func (g intGauge) Record(ctx context.Context, n int64, opts ...metric.RecordOption) {
	g.record(ctx, float64(n), metric.NewRecordConfig(opts).Attributes())
}

type intHistogram struct {
	metricnoop.Int64Histogram
	instrument
}

func (m recordingMeter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	c := metric.NewInt64HistogramConfig(opts...)
	return intHistogram{instrument: m.make(name, Histogram, c.Unit(), c.Description(), c.ExplicitBucketBoundaries())}, nil
}
func (intHistogram) Enabled(context.Context) bool { return true }
func (h intHistogram) Record(ctx context.Context, n int64, opts ...metric.RecordOption) {
	h.record(ctx, float64(n), metric.NewRecordConfig(opts).Attributes())
}

type floatHistogram struct {
	metricnoop.Float64Histogram
	instrument
}

func (m recordingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	c := metric.NewFloat64HistogramConfig(opts...)
	return floatHistogram{instrument: m.make(name, Histogram, c.Unit(), c.Description(), c.ExplicitBucketBoundaries())}, nil
}
func (floatHistogram) Enabled(context.Context) bool { return true }
func (h floatHistogram) Record(ctx context.Context, f float64, opts ...metric.RecordOption) {
	h.record(ctx, f, metric.NewRecordConfig(opts).Attributes())
}

type observable struct {
	metricnoop.Int64ObservableUpDownCounter
	instrument
}

func (m recordingMeter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	c := metric.NewInt64ObservableUpDownCounterConfig(opts...)
	return observable{instrument: m.make(name, ObservableUpDownCounter, c.Unit(), c.Description(), nil)}, nil
}

type registration struct {
	metricnoop.Registration
	r  *recorder
	id int
}

func (m recordingMeter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	id := len(m.r.callbacks)
	m.r.callbacks[id] = f
	return registration{r: m.r, id: id}, nil
}

func (r registration) Unregister() error {
	delete(r.r.callbacks, r.id)
	return nil
}

type observer struct{ metricnoop.Observer }

func (observer) ObserveInt64(o metric.Int64Observable, n int64, opts ...metric.ObserveOption) {
	o.(observable).record(context.Background(), float64(n), metric.NewObserveConfig(opts).Attributes())
}

// collect reads the observable instruments, as an SDK does from time to time.
func (r *recorder) collect(t *testing.T) {
	for _, f := range r.callbacks {
		require.NoError(t, f(t.Context(), observer{}))
	}
}

// of returns the measurements of one instrument.
func (r *recorder) of(i Instrument) []measurement {
	return slices.DeleteFunc(slices.Clone(r.measurements), func(m measurement) bool { return m.name != i.Name })
}
