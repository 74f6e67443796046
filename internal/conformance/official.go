package conformance

import (
	"context"
	"slices"
	"sync"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// producer is the official client's, started, of the scenario's group. It makes one attempt.
func (on *World) producer() rocketmq.Producer {
	on.t.Helper()
	return on.producerOf(on.Cluster())
}

func (on *World) producerOf(c holdfast.Cluster) rocketmq.Producer {
	on.t.Helper()
	options := []producer.Option{
		producer.WithNameServer(c.NameServers),
		producer.WithGroupName(on.group),
		producer.WithInstanceName(newID()),
		producer.WithRetry(0),
	}
	if c.AccessKey != "" {
		options = append(options, producer.WithCredentials(primitive.Credentials{AccessKey: c.AccessKey, SecretKey: c.SecretKey}))
	}
	p, err := rocketmq.NewProducer(options...)
	require.NoError(on.t, err)
	require.NoError(on.t, p.Start())
	on.t.Cleanup(func() { _ = p.Shutdown() })
	return p
}

// official is a message for the scenario's topic.
func (on *World) official(body string) *primitive.Message {
	return primitive.NewMessage(on.topic, []byte(body))
}

// handler is what a push consumer calls for one message.
type handler func(ctx context.Context, m *primitive.MessageExt) consumer.ConsumeResult

// consumer is the official client's push consumer, started, of the scenario's group; it
// begins at the first message. What its handler was given is in the handled.
func (on *World) consumer(tags string, h handler, options ...consumer.Option) *handled {
	on.t.Helper()
	c := on.Cluster()
	pc, err := rocketmq.NewPushConsumer(append([]consumer.Option{
		consumer.WithNameServer(c.NameServers),
		consumer.WithGroupName(on.group),
		consumer.WithInstance(newID()),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
	}, options...)...)
	require.NoError(on.t, err)
	got := &handled{stop: sync.OnceFunc(func() { _ = pc.Shutdown() })}
	selector := consumer.MessageSelector{Type: consumer.TAG, Expression: tags}
	require.NoError(on.t, pc.Subscribe(on.topic, selector, func(ctx context.Context, msgs ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		result := consumer.ConsumeSuccess
		for _, m := range msgs {
			got.add(m)
			if r := h(ctx, m); r != consumer.ConsumeSuccess {
				result = r
			}
		}
		return result, nil
	}))
	require.NoError(on.t, pc.Start())
	on.t.Cleanup(got.stop)
	return got
}

func succeed(context.Context, *primitive.MessageExt) consumer.ConsumeResult {
	return consumer.ConsumeSuccess
}

// handled is what a consumer was given, in the order of its calls.
type handled struct {
	stop func() // shuts the consumer down

	mu       sync.Mutex
	messages []*primitive.MessageExt
}

func (h *handled) add(m *primitive.MessageExt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, m)
}

func (h *handled) all() []*primitive.MessageExt {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.messages)
}

func (h *handled) bodies() []string {
	list := []string{}
	for _, m := range h.all() {
		list = append(list, string(m.Body))
	}
	return list
}

// gets waits until as many messages were handled.
func (on *World) gets(n int, consumers ...*handled) {
	on.t.Helper()
	on.eventually(func() bool {
		sum := 0
		for _, c := range consumers {
			sum += len(c.all())
		}
		return sum >= n
	}, "messages handled")
}
