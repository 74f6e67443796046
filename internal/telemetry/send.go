package telemetry

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// A Send is one call of a producer, whatever the number of attempts. End it once. The zero
// Send does nothing.
type Send struct {
	p     *Producer
	to    *destination
	ctx   context.Context // the call's, with the span in it: measurements refer to the span
	span  trace.Span
	begun time.Time
	count int
}

// Start begins the span "send {topic}" of a call that sends msg, and returns ctx with the span
// in it.
//
// The span is a PRODUCER's, and its context is what Inject writes into the message. If the
// message carries a creation context already, the span is a CLIENT's and links to that.
func (p *Producer) Start(ctx context.Context, msg *primitive.Message) (context.Context, Send) {
	to := p.destination(msg.Topic)
	options := to.options
	if links := p.links(msg); links != nil {
		options = clientOptions(to, links)
	}
	ctx, s := p.begin(ctx, to, options, 1)
	if s.span.IsRecording() {
		s.span.SetAttributes(ofMessage(msg)...)
	}
	return ctx, s
}

// StartBatch is Start for a call that sends several messages of one topic as one request. It
// is Start if there is only one message, and there must be one.
func (p *Producer) StartBatch(ctx context.Context, msgs []*primitive.Message) (context.Context, Send) {
	if len(msgs) == 1 {
		return p.Start(ctx, msgs[0])
	}
	to := p.destination(msgs[0].Topic)
	options := to.options
	if links := p.links(msgs...); len(links) == len(msgs) {
		options = clientOptions(to, links)
	} else if links != nil {
		options = append(options[:len(options):len(options)], trace.WithLinks(links...))
	}
	ctx, s := p.begin(ctx, to, options, len(msgs))
	if s.span.IsRecording() {
		s.span.SetAttributes(semconv.MessagingBatchMessageCount(len(msgs)))
	}
	return ctx, s
}

func (p *Producer) begin(ctx context.Context, to *destination, options []trace.SpanStartOption, count int) (context.Context, Send) {
	s := Send{p: p, to: to, ctx: ctx, span: noSpan, begun: time.Now(), count: count}
	if p.tracing.asleep(s.begun) {
		return ctx, s
	}
	s.ctx, s.span = p.tracer.Start(ctx, to.spanName, options...)
	p.tracing.see(s.span, s.begun)
	return s.ctx, s
}

func clientOptions(to *destination, links []trace.Link) []trace.SpanStartOption {
	return []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(to.span...),
		trace.WithLinks(links...),
	}
}

// End says how the call ended: with a result if err is nil, and otherwise with err. Of errors,
// holdfast's own and the official client's are told apart; ErrorTypes lists how.
func (s Send) End(result *primitive.SendResult, err error) {
	if s.p == nil {
		return
	}
	took := time.Since(s.begun)
	m := &s.p.measures
	measured, traced := m.operationDuration.Enabled(s.ctx) || m.sentMessages.Enabled(s.ctx), s.span.IsRecording()
	if measured || traced {
		how := ofEnd(result, err)
		if measured {
			set := metric.WithAttributeSet(attribute.NewSet(slices.Concat(s.to.metric, how)...))
			m.operationDuration.Record(s.ctx, took.Seconds(), set)
			m.sentMessages.Add(s.ctx, int64(s.count), set)
		}
		if traced {
			s.span.SetAttributes(how...)
			s.span.SetAttributes(ofResult(storedAs(result, err), s.count)...)
		}
		if traced && err != nil {
			s.span.SetStatus(codes.Error, err.Error())
		}
	}
	s.span.End()
}

// ofEnd returns what spans and measurements alike say of the end of a send.
func ofEnd(result *primitive.SendResult, err error) []attribute.KeyValue {
	attributes := serverOf(result, err)
	if err != nil {
		attributes = append(attributes, semconv.ErrorTypeKey.String(errorType(err)))
	}
	return attributes
}

// ofMessage returns what a span says of the message itself.
func ofMessage(msg *primitive.Message) []attribute.KeyValue {
	attributes := make([]attribute.KeyValue, 0, 5)
	if tag := msg.GetTags(); tag != "" {
		attributes = append(attributes, semconv.MessagingRocketMQMessageTag(tag))
	}
	if keys := msg.GetKeys(); keys != "" {
		attributes = append(attributes, semconv.MessagingRocketMQMessageKeys(strings.Fields(keys)...))
	}
	if id := msg.GetProperty(primitive.PropertyCorrelationID); id != "" {
		attributes = append(attributes, semconv.MessagingMessageConversationID(id))
	}
	return append(attributes, typeOf(msg)...)
}

func typeOf(msg *primitive.Message) []attribute.KeyValue {
	switch {
	case msg.GetProperty(primitive.PropertyTransactionPrepared) == "true":
		return []attribute.KeyValue{semconv.MessagingRocketMQMessageTypeTransaction}
	case msg.GetProperty(primitive.PropertyDelayTimeLevel) != "":
		attributes := []attribute.KeyValue{semconv.MessagingRocketMQMessageTypeDelay}
		if level, err := strconv.Atoi(msg.GetProperty(primitive.PropertyDelayTimeLevel)); err == nil {
			attributes = append(attributes, semconv.MessagingRocketMQMessageDelayTimeLevel(level))
		}
		return attributes
	case msg.GetProperty(deliverAt) != "":
		attributes := []attribute.KeyValue{semconv.MessagingRocketMQMessageTypeDelay}
		if ms, err := strconv.Atoi(msg.GetProperty(deliverAt)); err == nil {
			attributes = append(attributes, semconv.MessagingRocketMQMessageDeliveryTimestamp(ms))
		}
		return attributes
	case msg.GetShardingKey() != "":
		return []attribute.KeyValue{
			semconv.MessagingRocketMQMessageTypeFifo,
			semconv.MessagingRocketMQMessageGroup(msg.GetShardingKey()),
		}
	default:
		return []attribute.KeyValue{semconv.MessagingRocketMQMessageTypeNormal}
	}
}

// deliverAt is the property that names the millisecond at which a 5.x broker delivers.
const deliverAt = "TIMER_DELIVER_MS"

// ofResult returns what a span says of where the messages were stored.
func ofResult(stored *primitive.SendResult, count int) []attribute.KeyValue {
	if stored == nil {
		return nil
	}
	var attributes []attribute.KeyValue
	if count == 1 && stored.MsgID != "" {
		attributes = append(attributes, semconv.MessagingMessageID(stored.MsgID))
	}
	if q := stored.MessageQueue; q != nil {
		// A queue's number alone is not unique in the topic.
		attributes = append(attributes, semconv.MessagingDestinationPartitionID(q.BrokerName+":"+strconv.Itoa(q.QueueId)))
	}
	return attributes
}
