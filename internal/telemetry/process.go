package telemetry

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-mq/holdfast"
)

// A Process is one run of a handler. End it once. The zero Process does nothing.
type Process struct {
	c     *Consumer
	from  *source
	ctx   context.Context // the run's, with the span in it
	span  trace.Span
	begun time.Time
}

// Start begins the span "process {topic}" of one run for msg, which was pulled from a queue of
// broker, and returns ctx with the span in it, and with the baggage that msg carries. The span
// links to the context in which msg was created, also if msg is a copy of what was sent then:
// copies keep those properties. It has no parent but ctx's.
func (c *Consumer) Start(ctx context.Context, msg *primitive.MessageExt, group, broker string, queue int, begun time.Time) (context.Context, Process) {
	s := c.source(msg.Topic, group)
	options := s.options
	if creation := extract(c.propagator, &msg.Message); creation != nil {
		if sc := trace.SpanContextFromContext(creation); sc.IsValid() {
			options = append(options[:len(options):len(options)], trace.WithLinks(trace.Link{SpanContext: sc}))
		}
		if b := baggage.FromContext(creation); b.Len() > 0 {
			ctx = baggage.ContextWithBaggage(ctx, b)
		}
	}
	if c.tracing.asleep(begun) {
		return ctx, Process{c: c, from: s, ctx: ctx, span: noSpan, begun: begun}
	}
	ctx, span := c.tracer.Start(ctx, s.spanName, options...)
	if span.IsRecording() {
		span.SetAttributes(ofMessage(&msg.Message)...)
		span.SetAttributes(ofDelivery(msg, broker, queue)...)
	} else {
		c.tracing.see(span, begun)
	}
	return ctx, Process{c: c, from: s, ctx: ctx, span: span, begun: begun}
}

// ofDelivery returns what a span says of a message that was stored.
func ofDelivery(msg *primitive.MessageExt, broker string, queue int) []attribute.KeyValue {
	attributes := []attribute.KeyValue{
		semconv.MessagingMessageID(holdfast.MessageID(msg)),
		semconv.MessagingDestinationPartitionID(broker + ":" + strconv.Itoa(queue)),
	}
	if msg.ReconsumeTimes > 0 {
		attributes = append(attributes, ReconsumeTimesKey.Int(int(msg.ReconsumeTimes)))
	}
	return attributes
}

// ReconsumeTimesKey is the attribute of a process span that says how often the message had been
// tried before.
const ReconsumeTimesKey = attribute.Key("holdfast.reconsume_times")

// End says what the handler returned. A verdict other than an error of the handler's own, such
// as a hold, is an error type too, and the span's status.
func (p Process) End(err error) {
	if p.c == nil {
		return
	}
	m := &p.c.measures
	duration, count, traced := m.processDuration.Enabled(p.ctx), m.consumedMessages.Enabled(p.ctx), p.span.IsRecording()
	if duration || count || traced {
		took := time.Since(p.begun)
		var how []attribute.KeyValue
		if err != nil {
			how = []attribute.KeyValue{semconv.ErrorTypeKey.String(errorType(err))}
		}
		if duration || count {
			set := metric.WithAttributeSet(attribute.NewSet(slices.Concat(p.from.metric, how)...))
			m.processDuration.Record(p.ctx, took.Seconds(), set)
			m.consumedMessages.Add(p.ctx, 1, set)
		}
		if traced {
			p.span.SetAttributes(how...)
		}
		if traced && err != nil {
			p.span.SetStatus(codes.Error, err.Error())
		}
	}
	p.span.End()
}
