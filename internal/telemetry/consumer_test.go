package telemetry

import (
	"errors"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/holdfast-mq/holdfast"
)

const parent = "00-0102030405060708090a0b0c0d0e0f10-0102030405060708-01"

func delivered(properties map[string]string) *primitive.MessageExt {
	msg := &primitive.MessageExt{}
	msg.Topic = "ns%orders"
	msg.WithProperties(properties)
	return msg
}

func TestARunOfAHandlerIsASpanLinkedToTheProducers(t *testing.T) {
	t.Parallel()
	_, r := recording(t, "ns")
	c := consuming(t, r, "ns")
	msg := delivered(map[string]string{
		"traceparent": parent, "baggage": "tenant=a", "UNIQ_KEY": "id", "TAGS": "new", "KEYS": "k1 k2",
	})
	msg.ReconsumeTimes = 3

	ctx, process := c.Start(t.Context(), msg, "ns%readers", "broker-a", 2, time.Now())
	require.Equal(t, "a", baggage.FromContext(ctx).Member("tenant").Value())
	process.End(nil)

	require.Len(t, r.spans, 1)
	span := r.spans[0]
	require.Equal(t, "process orders", span.name)
	require.Equal(t, trace.SpanKindConsumer, span.kind)
	require.False(t, span.parent.IsValid())
	require.Len(t, span.links, 1)
	require.Equal(t, "0102030405060708090a0b0c0d0e0f10", span.links[0].SpanContext.TraceID().String())
	require.Equal(t, codes.Unset, span.status)
	require.Equal(t, 1, span.ended)
	for key, want := range map[string]any{
		"messaging.system": "rocketmq", "messaging.operation.name": "process", "messaging.operation.type": "process",
		"messaging.destination.name": "orders", "messaging.consumer.group.name": "readers", "messaging.rocketmq.namespace": "ns",
		"messaging.message.id": "id", "messaging.rocketmq.message.tag": "new", "messaging.destination.partition.id": "broker-a:2",
		"holdfast.reconsume_times": int64(3),
	} {
		require.Equal(t, want, span.attributes[key], key)
	}
	require.Equal(t, span.context, r.of(processDuration)[0].span, "the measurement refers to the span")
}

func TestWhatAHandlerReturnsIsTheErrorType(t *testing.T) {
	t.Parallel()
	_, r := recording(t, "")
	c := consuming(t, r, "")
	for _, row := range []struct {
		err  error
		want any
	}{
		{nil, nil},
		{errors.New("no"), "_OTHER"},
		{holdfast.RetryAfter(1, nil), "retry"},
		{holdfast.Reject(nil), "reject"},
		{holdfast.Hold(1, nil), "hold"},
		{holdfast.Pause(nil), "pause"},
	} {
		r.measurements, r.spans = nil, nil
		_, process := c.Start(t.Context(), delivered(nil), "readers", "broker-a", 0, time.Now())
		process.End(row.err)
		require.Equal(t, row.want, r.of(consumedMessages)[0].attributes["error.type"])
		require.Equal(t, row.want, r.of(processDuration)[0].attributes["error.type"])
		require.Equal(t, row.want, r.spans[0].attributes["error.type"])
		require.Equal(t, row.err != nil, r.spans[0].status == codes.Error)
	}
}

func TestCopiesHeldMessagesLagAndMismatchesAreMeasured(t *testing.T) {
	t.Parallel()
	_, r := recording(t, "ns")
	c := consuming(t, r, "ns")
	c.Retry(t.Context(), "ns%orders", "ns%readers", nil)
	c.DeadLetter(t.Context(), "ns%orders", "ns%readers", errors.New("refused"))
	c.Held(t.Context(), "ns%orders", "ns%readers", -1)
	c.Lag(t.Context(), "ns%orders", "ns%readers", 7)
	c.Mismatch(t.Context(), "ns%orders", "ns%readers")

	own := map[string]any{"messaging.destination.name": "orders", "messaging.consumer.group.name": "readers"}
	require.Equal(t, own, r.of(heldMessages)[0].attributes)
	require.Equal(t, -1.0, r.of(heldMessages)[0].value)
	require.Equal(t, own, r.of(lag)[0].attributes)
	require.Equal(t, 7.0, r.of(lag)[0].value)
	require.Equal(t, own, r.of(subscriptionMismatch)[0].attributes)
	own["holdfast.outcome"] = "stored"
	require.Equal(t, own, r.of(retries)[0].attributes)
	own["holdfast.outcome"] = "unknown"
	require.Equal(t, own, r.of(deadLetters)[0].attributes)
}

// Without an SDK the tracer is left alone for a second at a time, and then tried again.
func TestAnSDKThatComesLaterIsNoticed(t *testing.T) {
	t.Parallel()
	_, r := recording(t, "")
	c := consuming(t, r, "")
	sdk := c.tracer
	c.tracer = tracenoop.NewTracerProvider().Tracer("")
	now := time.Now()
	start := func(at time.Time) {
		_, process := c.Start(t.Context(), delivered(nil), "readers", "broker-a", 0, at)
		process.End(errors.New("no"))
	}
	start(now)
	c.tracer = sdk
	start(now.Add(nap - 1))
	require.Empty(t, r.spans)
	require.Len(t, r.of(consumedMessages), 2, "metrics do not sleep")
	start(now.Add(nap))
	start(now.Add(nap))
	require.Len(t, r.spans, 2)
}

func TestWithoutAnSDKARunCostsNextToNothing(t *testing.T) {
	c, err := NewConsumer(Config{
		TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider:  metricnoop.NewMeterProvider(),
		Propagator:     propagation.NewCompositeTextMapPropagator(),
	}, "scope", "v1", "")
	require.NoError(t, err)
	msg, ctx, now := delivered(map[string]string{"TAGS": "t"}), t.Context(), time.Now()
	allocations := testing.AllocsPerRun(100, func() {
		_, process := c.Start(ctx, msg, "readers", "broker-a", 0, now)
		process.End(nil)
		c.Retry(ctx, "orders", "readers", nil)
		c.Held(ctx, "orders", "readers", 1)
	})
	require.Zero(t, allocations)
}
