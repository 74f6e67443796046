package telemetry

import (
	"context"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"go.opentelemetry.io/otel/trace"
)

// The properties that hold the context a message was created in: the first is written by
// remoting clients, the second by a proxy for gRPC clients. Both hold a W3C traceparent.
var creation = [...]string{"traceparent", "TRACE_CONTEXT"}

// maxValue is what the W3C allows baggage to grow to, in bytes. A property may not be much
// longer, or the broker refuses the message.
const maxValue = 8192

// Inject writes the span's context into the properties of a message that is about to be sent:
// set is called for each key that the propagator knows, unless has finds it there already.
// Nothing is written at all if the message has a creation context, which is not to be changed.
func (s Send) Inject(ctx context.Context, set func(key, value string), has func(key string) bool) {
	if s.p == nil {
		return
	}
	for _, key := range creation {
		if has(key) {
			return
		}
	}
	s.p.propagator.Inject(ctx, properties{set: set, has: has})
}

// properties is the write side of a message as a propagator sees it.
type properties struct {
	set func(key, value string)
	has func(key string) bool
}

// Set leaves out what a property cannot hold.
func (p properties) Set(key, value string) {
	if value == "" || len(value) > maxValue || strings.ContainsAny(key+value, "\x00\x01\x02") || p.has(key) {
		return
	}
	p.set(key, value)
}

func (properties) Get(string) string { return "" }
func (properties) Keys() []string    { return nil }

// links returns a link to the creation context of each message that has one.
func (p *Producer) links(msgs ...*primitive.Message) (links []trace.Link) {
	for _, msg := range msgs {
		for _, key := range creation {
			if msg.GetProperty(key) == "" {
				continue
			}
			ctx := p.propagator.Extract(context.Background(), created{msg, key})
			if sc := trace.SpanContextFromContext(ctx); sc.IsValid() {
				links = append(links, trace.Link{SpanContext: sc})
			}
			break
		}
	}
	return links
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
