package telemetry

import (
	"errors"
	"strconv"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

func TestOwnMetrics(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "ns")
	p.Attempt(t.Context(), "ns%orders", AttemptUnknown)
	p.Lookup(t.Context(), "orders", LookupNotFound)
	p.DuplicatesAvoided(t.Context(), "orders", 7)
	p.Batch(t.Context(), "orders", 12)
	unregister := p.Observe(func() int64 { return 3 }, func() int64 { return 4 })
	r.collect(t)
	unregister()
	r.collect(t)

	topic := map[string]any{"messaging.destination.name": "orders"}
	client := map[string]any{"messaging.client.id": "10.0.0.1@1"}
	for _, row := range []struct {
		instrument Instrument
		value      float64
		attributes map[string]any
	}{
		{attempts, 1, map[string]any{"messaging.destination.name": "orders", "holdfast.outcome": "unknown"}},
		{lookups, 1, map[string]any{"messaging.destination.name": "orders", "holdfast.outcome": "not_found"}},
		{duplicatesAvoided, 7, topic},
		{batchSize, 12, topic},
		{inFlight, 3, client},
		{abandoned, 4, client},
	} {
		got := r.of(row.instrument)
		require.Len(t, got, 1, row.instrument.Name)
		require.Equal(t, row.value, got[0].value, row.instrument.Name)
		require.Equal(t, row.attributes, got[0].attributes, row.instrument.Name)
	}
}

func TestWithoutAnSDKASendCostsNextToNothing(t *testing.T) {
	p, err := NewProducer(Config{
		TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider:  metricnoop.NewMeterProvider(),
		Propagator:     propagation.NewCompositeTextMapPropagator(),
	}, "scope", "v1", "client", "")
	require.NoError(t, err)
	msg := primitive.NewMessage("orders", nil).WithTag("tag").WithKeys([]string{"k"})
	result := stored()
	ctx := t.Context()
	allocations := testing.AllocsPerRun(100, func() {
		_, send := p.Start(ctx, msg)
		send.End(result, nil)
		p.Attempt(ctx, "orders", AttemptStored)
		p.Lookup(ctx, "orders", LookupFound)
		p.DuplicatesAvoided(ctx, "orders", 1)
		p.Batch(ctx, "orders", 1)
	})
	require.LessOrEqual(t, allocations, 2.0, "what the API itself needs for a context with a span in it")
}

func TestNilProvidersAreTheGlobalOnes(t *testing.T) {
	t.Parallel()
	p, err := NewProducer(Config{}, "scope", "v1", "client", "")
	require.NoError(t, err)
	_, send := p.Start(t.Context(), primitive.NewMessage("orders", nil))
	into := map[string]string{}
	send.Inject(t.Context(), into, 1000)
	require.Empty(t, into, "injected by nobody")
	send.End(stored(), nil)
	p.Observe(func() int64 { return 0 }, func() int64 { return 0 })()
}

func TestMadeUpTopicsAreNotRememberedWithoutEnd(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	for i := range 2 * maxDestinations {
		p.Batch(t.Context(), "topic"+strconv.Itoa(i), 1)
	}
	remembered := 0
	p.destinations.Range(func(any, any) bool { remembered++; return true })
	require.Equal(t, maxDestinations, remembered)
	require.Len(t, r.of(batchSize), 2*maxDestinations)
	require.Equal(t, "topic2047", r.of(batchSize)[2047].attributes["messaging.destination.name"])
}

type refusingMeter struct{ metricnoop.Meter }

func (refusingMeter) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errors.New("no counters")
}

type refusing struct{ metricnoop.MeterProvider }

func (refusing) Meter(string, ...metric.MeterOption) metric.Meter { return refusingMeter{} }

func TestARefusedInstrumentIsAnError(t *testing.T) {
	t.Parallel()
	_, err := NewProducer(Config{MeterProvider: refusing{}}, "scope", "v1", "client", "")
	require.ErrorContains(t, err, "telemetry: instruments: no counters")
}
