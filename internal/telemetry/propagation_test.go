package telemetry

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/trace"
)

const (
	ours   = "00-01000000000000000000000000000000-0100000000000000-01"
	theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// injected returns the properties that a message has after a send was started for it and its
// context was injected.
func injected(t *testing.T, properties map[string]string, members ...string) (map[string]string, *recordedSpan) {
	p, r := recording(t, "")
	bag, err := baggage.Parse(strings.Join(members, ","))
	require.NoError(t, err)
	clone := map[string]string{}
	msg := primitive.NewMessage("orders", nil)
	for key, value := range properties {
		clone[key] = value
		msg.WithProperty(key, value)
	}
	ctx, send := p.Start(baggage.ContextWithBaggage(t.Context(), bag), msg)
	send.Inject(ctx, clone, 30_000)
	return clone, r.spans[0]
}

func TestTheContextOfTheSpanIsInjected(t *testing.T) {
	t.Parallel()
	got, span := injected(t, map[string]string{"KEYS": "a"}, "user=1")
	require.Equal(t, map[string]string{"KEYS": "a", "traceparent": ours, "baggage": "user=1"}, got)
	require.Equal(t, trace.SpanKindProducer, span.kind)
	require.Empty(t, span.links)
}

func TestACreationContextIsNotTouched(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"traceparent", "TRACE_CONTEXT"} {
		before := map[string]string{key: theirs}
		got, span := injected(t, before, "user=1")
		require.Equal(t, before, got)
		require.Equal(t, trace.SpanKindClient, span.kind, "the span is not the message's creation")
		require.Len(t, span.links, 1)
		require.Equal(t, "0af7651916cd43dd8448eb211c80319c", span.links[0].SpanContext.TraceID().String())
		require.True(t, span.links[0].SpanContext.IsRemote())
	}
}

func TestACreationContextThatSaysNothingIsNotTouchedEither(t *testing.T) {
	t.Parallel()
	before := map[string]string{"traceparent": "garbage"}
	got, span := injected(t, before)
	require.Equal(t, before, got)
	require.Empty(t, span.links)
}

func TestAPropertyOfTheCallerStays(t *testing.T) {
	t.Parallel()
	got, _ := injected(t, map[string]string{"baggage": "mine"}, "user=1")
	require.Equal(t, map[string]string{"baggage": "mine", "traceparent": ours}, got)
}

func TestWhatAPropertyCannotHoldIsLeftOut(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 3000)
	got, _ := injected(t, nil, "a="+large, "b="+large, "c="+large[:2100])
	require.Contains(t, got["baggage"], large, "8 KiB are the W3C's limit, and ours")

	set := map[string]string{}
	carrier := &properties{set, 20_000}
	for key, value := range map[string]string{"empty": "", "long": strings.Repeat("x", maxValue+1), "sep": "a\x01b", "k\x02": "v", "fits": "v"} {
		carrier.Set(key, value)
	}
	require.Equal(t, map[string]string{"fits": "v"}, set)
	require.Empty(t, carrier.Keys())
	require.Empty(t, carrier.Get("fits"))
}

func TestABatchLinksToTheCreationContextsInIt(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	message := func(traceparent string) *primitive.Message {
		msg := primitive.NewMessage("orders", nil)
		msg.WithProperty("traceparent", traceparent)
		return msg
	}
	p.StartBatch(t.Context(), []*primitive.Message{message(theirs), message("")})
	require.Equal(t, trace.SpanKindProducer, r.spans[0].kind, "it is the creation of the second")
	require.Len(t, r.spans[0].links, 1)

	p.StartBatch(t.Context(), []*primitive.Message{message(theirs), message(theirs)})
	require.Equal(t, trace.SpanKindClient, r.spans[1].kind)
	require.Len(t, r.spans[1].links, 2)

	p.StartBatch(t.Context(), []*primitive.Message{message(""), message("")})
	require.Empty(t, r.spans[2].links, "what one batch added is not in the next")
}

func TestTheCallersSpanIsTheParent(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	ctx, _ := p.Start(context.Background(), primitive.NewMessage("orders", nil))
	p.Start(ctx, primitive.NewMessage("orders", nil))
	require.Equal(t, r.spans[0].context, r.spans[1].parent)
}
