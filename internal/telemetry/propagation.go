package telemetry

import (
	"context"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The properties that hold the context a message was created in: the first is written by
// remoting clients, the second by a proxy for gRPC clients. Both hold a W3C traceparent.
var creation = [...]string{"traceparent", "TRACE_CONTEXT"}

// maxValue is what the W3C allows baggage to grow to, in bytes. A property may not be much
// longer, or the broker refuses the message.
const maxValue = 8192

// Inject writes the span's context into the properties of a message that is about to be sent:
// every key that the propagator knows, unless it is there already, as long as the properties
// stay within room bytes more.
// Nothing is written at all if the message has a creation context, which is not to be changed.
func (s Send) Inject(ctx context.Context, into map[string]string, room int) {
	if s.p == nil {
		return
	}
	for _, key := range creation {
		if into[key] != "" {
			return
		}
	}
	s.p.propagator.Inject(ctx, &properties{into, room})
}

// properties is the write side of a message as a propagator sees it.
type properties struct {
	into map[string]string
	room int
}

// Set leaves out what a property cannot hold.
func (p *properties) Set(key, value string) {
	if value == "" || len(value) > maxValue || strings.ContainsAny(key+value, "\x00\x01\x02") || p.into[key] != "" {
		return
	}
	if p.room -= len(key) + len(value) + 2; p.room >= 0 {
		p.into[key] = value
	}
}

func (*properties) Get(string) string { return "" }
func (*properties) Keys() []string    { return nil }

// links returns a link to the creation context of each message that has one.
func (p *Producer) links(msgs ...*primitive.Message) (links []trace.Link) {
	for _, msg := range msgs {
		ctx := extract(p.propagator, msg)
		if ctx == nil {
			continue
		}
		if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
			links = append(links, trace.Link{SpanContext: sc})
		}
	}
	return links
}

// extract returns a context with what p finds in msg, nil if msg has no creation context.
func extract(p propagation.TextMapPropagator, msg *primitive.Message) context.Context {
	for _, key := range creation {
		if msg.GetProperty(key) != "" {
			return p.Extract(context.Background(), created{msg, key})
		}
	}
	return nil
}

// created is the read side of a message whose creation context is in the property key.
type created struct {
	msg *primitive.Message
	key string
}

func (c created) Get(key string) string {
	if key == creation[0] {
		key = c.key
	}
	return c.msg.GetProperty(key)
}

func (created) Set(string, string) {}
func (created) Keys() []string     { return nil }
