package producer_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// recorder is a tracer provider that remembers its spans.
type recorder struct {
	noop.TracerProvider
	mu    sync.Mutex
	spans []*recorded
}

type recorded struct {
	noop.Span
	r       *recorder
	name    string
	context trace.SpanContext
	status  codes.Code
	ended   int
}

type recordingTracer struct {
	noop.Tracer
	r *recorder
}

func (r *recorder) Tracer(string, ...trace.TracerOption) trace.Tracer { return recordingTracer{r: r} }

func (t recordingTracer) Start(ctx context.Context, name string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	s := &recorded{r: t.r, name: name, context: trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{byte(len(t.r.spans) + 1)}, TraceFlags: trace.FlagsSampled,
	})}
	t.r.spans = append(t.r.spans, s)
	return trace.ContextWithSpan(ctx, s), s
}

func (s *recorded) SpanContext() trace.SpanContext { return s.context }
func (s *recorded) IsRecording() bool              { return true }

func (s *recorded) SetStatus(code codes.Code, _ string) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.status = code
}

func (s *recorded) End(...trace.SpanEndOption) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	s.ended++
}

// all returns the spans, each with how it ended.
func (r *recorder) all() []recorded {
	r.mu.Lock()
	defer r.mu.Unlock()
	var spans []recorded
	for _, s := range r.spans {
		spans = append(spans, *s)
	}
	return spans
}

func traced(t *testing.T, c *rmqtest.Cluster, opts ...producer.Option) (*producer.Producer, *recorder) {
	t.Helper()
	r := &recorder{}
	opts = append(opts, producer.WithTracerProvider(r), producer.WithPropagator(propagation.TraceContext{}))
	return start(t, c, opts...), r
}

// One send is one span, however many attempts it took.
func TestOneSpanForEachSend(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p, r := traced(t, c, producer.WithAttempts(4))
	refusals := c.Inject(rmqtest.Send, rmqtest.Answer(2, "busy"), 3)
	mustSend(t, p, order("o-1"))
	require.Equal(t, 3, refusals.Hits())
	c.Inject(rmqtest.Send, rmqtest.Answer(2, "busy"), 0)
	_, err := p.Send(soon(t), order("o-2"))
	require.Error(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = p.Send(ended, order("o-3"))
	require.Error(t, err)

	spans := r.all()
	require.Len(t, spans, 3)
	for i, status := range []codes.Code{codes.Unset, codes.Error, codes.Error} {
		require.Equal(t, "send orders", spans[i].name)
		require.Equal(t, 1, spans[i].ended)
		require.Equal(t, status, spans[i].status, "send %d", i+1)
	}
}

func TestOneSpanForEachWayToSend(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p, r := traced(t, c)
	_, err := p.SendSync(soon(t), orders(3)...)
	require.NoError(t, err)
	require.NoError(t, p.SendOneWay(soon(t), order("o-4")))
	done := make(chan error, 1)
	require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, _ *primitive.SendResult, err error) { done <- err }, order("o-5")))
	require.NoError(t, <-done)
	p.SendBatch(soon(t), orders(2))
	spans := r.all()
	require.Len(t, spans, 5, "one for the explicit batch, one for each other message")
	for _, s := range spans {
		require.Equal(t, 1, s.ended)
	}
}

// The context of the span goes with the message that is stored, not into the caller's.
func TestTraceContextIsInTheStoredMessageOnly(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p, r := traced(t, c, producer.WithAttempts(3))
	c.Inject(rmqtest.Send, rmqtest.Answer(2, "busy"), 1)
	msg := order("o-1")
	mustSend(t, p, msg)

	require.Empty(t, msg.GetProperty("traceparent"))
	span := r.all()[0].context
	require.Equal(t, fmt.Sprintf("00-%s-%s-01", span.TraceID(), span.SpanID()), c.Messages(topic)[0].Properties["traceparent"])

	created := "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	mustSend(t, p, with("traceparent", created))
	parents := map[string]int{}
	for _, m := range c.Messages(topic) {
		parents[m.Properties["traceparent"]]++
	}
	require.Equal(t, 1, parents[created], "a message that was created elsewhere keeps its context")
}

// A message with many properties is not refused for the sake of its trace.
func TestTraceContextThatDoesNotFitIsLeftOut(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithPropagator(propagation.Baggage{}))
	member, err := baggage.NewMember("k", strings.Repeat("v", 8000))
	require.NoError(t, err)
	carried, err := baggage.New(member)
	require.NoError(t, err)
	ctx := baggage.ContextWithBaggage(soon(t), carried)
	for _, size := range []int{29 << 10, 1} {
		_, err = p.Send(ctx, with("note", strings.Repeat("x", size)))
		require.NoError(t, err)
	}
	sizes := map[int]int{}
	for _, m := range c.Messages(topic) {
		sizes[len(m.Properties["baggage"])]++
	}
	require.Equal(t, map[int]int{0: 1, len("k=") + 8000: 1}, sizes)
}
