package producer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/send"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

// Send sends one message. Nil means that the broker answered SEND_OK, or that the message was
// found stored under the cover of a later SEND_OK of the same broker. With an error there is
// no result; errors.Is(err, holdfast.ErrOutcomeUnknown) tells whether the message may have
// been stored. msg is not changed but for its UNIQ_KEY, and can be used again at once.
//
// When ctx ends, Send returns with its cause: ErrOutcomeUnknown if an attempt was under way
// or an earlier one is in doubt, else not stored. No further attempt is made.
func (p *Producer) Send(ctx context.Context, msg *primitive.Message) (*primitive.SendResult, error) {
	return p.send(ctx, msg)
}

// SendSync sends one message as Send does, or several of one topic as one request that is
// stored whole or not at all. The result of several has their UNIQ_KEYs and offset ids, in
// order with commas between, and the queue offset of the first.
func (p *Producer) SendSync(ctx context.Context, msgs ...*primitive.Message) (*primitive.SendResult, error) {
	return p.send(ctx, msgs...)
}

// SendOneWay sends as SendSync does, and returns nil if and only if that would: it blocks
// until SEND_OK or an error, and only gives no result. A send without an answer cannot keep a
// promise.
func (p *Producer) SendOneWay(ctx context.Context, msgs ...*primitive.Message) error {
	_, err := p.send(ctx, msgs...)
	return err
}

// SendAsync sends as SendSync does and calls back with the outcome: exactly once, from
// another goroutine, with a context that has ctx's values and does not end with it. It
// blocks while there is no room (WithMaxInFlight) or the topic's route is not known yet. An
// error means that nothing was sent and callback will not be called. A panic of callback is
// recovered and logged.
func (p *Producer) SendAsync(ctx context.Context, callback func(context.Context, *primitive.SendResult, error), msgs ...*primitive.Message) error {
	if callback == nil {
		return errors.New("producer: callback is nil: give one, or use SendSync")
	}
	c, err := p.begin(ctx, msgs)
	if err != nil {
		return err
	}
	go func() {
		defer p.recoverCallback()
		result, err := c.wait()
		callback(context.WithoutCancel(ctx), result, err)
	}()
	return nil
}

func (p *Producer) recoverCallback() {
	if r := recover(); r != nil {
		p.config.logger.Error("a callback of SendAsync panicked", "panic", fmt.Sprint(r))
	}
}

// SendBatch sends every message as Send would, each with an outcome of its own, and returns
// one for each in the same order. Messages of one sharding key keep their order.
func (p *Producer) SendBatch(ctx context.Context, msgs []*primitive.Message) []holdfast.BatchResult {
	results := make([]holdfast.BatchResult, len(msgs))
	calls := make([]call, len(msgs))
	for i := range msgs {
		calls[i], results[i].Err = p.begin(ctx, msgs[i:i+1])
	}
	for i := range calls {
		if results[i].Err == nil {
			results[i].Result, results[i].Err = calls[i].wait()
		}
	}
	return results
}

func (p *Producer) send(ctx context.Context, msgs ...*primitive.Message) (*primitive.SendResult, error) {
	c, err := p.begin(ctx, msgs)
	if err != nil {
		return nil, err
	}
	return c.wait()
}

// call is a send that was accepted.
type call struct {
	ctx  context.Context
	task *task
	span telemetry.Send
}

func (c *call) wait() (*primitive.SendResult, error) {
	result, err := c.task.wait(c.ctx)
	if err != nil {
		err = fmt.Errorf("producer: message to %q: %w", c.task.topic, err)
	}
	c.span.End(result, err)
	return result, err
}

// begin checks the messages, waits for room and the route, and gives the task to its lane.
// Its errors mean that nothing was sent.
func (p *Producer) begin(ctx context.Context, msgs []*primitive.Message) (c call, err error) {
	if err := p.ready(); err != nil {
		return c, err
	}
	var one [1]map[string]string
	snapshots := one[:]
	if len(msgs) > 1 {
		snapshots = make([]map[string]string, len(msgs))
	}
	snapshot(snapshots, msgs)
	if err := p.check(msgs, snapshots); err != nil {
		return c, err
	}
	c.ctx, c.span = p.telemetry.StartBatch(ctx, msgs)
	defer func() {
		if err != nil {
			err = fmt.Errorf("producer: message to %q: %w", msgs[0].Topic, err)
			c.span.End(nil, err)
		}
	}()
	c.task = p.newTask(&c, msgs, snapshots)
	return c, p.enqueue(c.ctx, c.task, msgs[0])
}

// snapshot copies the properties of each message once; a nil message is check's to refuse.
func snapshot(to []map[string]string, msgs []*primitive.Message) {
	for i, msg := range msgs {
		if msg != nil {
			to[i] = msg.GetProperties()
		}
	}
}

// newTask makes our own copies of the messages.
func (p *Producer) newTask(c *call, msgs []*primitive.Message, snapshots []map[string]string) *task {
	t := &task{topic: msgs[0].Topic, done: make(chan struct{})}
	t.only[0], t.onlyProperties[0] = &t.message, snapshots[0]
	t.messages, t.properties = t.only[:], t.onlyProperties[:]
	if len(msgs) > 1 {
		t.messages = make([]*primitive.Message, len(msgs))
		t.properties = slices.Clone(snapshots)
		for i := range msgs {
			t.messages[i] = &primitive.Message{}
		}
	}
	for i, msg := range msgs {
		own := t.messages[i]
		properties := snapshots[i]
		p.own(msg, own, properties)
		c.span.Inject(c.ctx, properties, maxProperties-sizeOfProperties(properties))
		t.bytes += batchOverhead + len(own.Body) + sizeOfProperties(properties)
		t.alone = t.alone || p.goesAlone(own, properties)
	}
	t.alone = t.alone || len(msgs) > 1
	return t
}

// own makes our copy of a message, under its wire name, and gives the caller's its UNIQ_KEY.
// The properties are the copy's.
func (p *Producer) own(msg, own *primitive.Message, properties map[string]string) {
	if properties[primitive.PropertyUniqueClientMessageIdKeyIndex] == "" {
		id := p.ids.Next()
		properties[primitive.PropertyUniqueClientMessageIdKeyIndex] = id
		msg.WithProperty(primitive.PropertyUniqueClientMessageIdKeyIndex, id)
	}
	own.Topic, own.Flag, own.Body = p.cluster.Topic(msg.Topic), msg.Flag, slices.Clone(msg.Body)
	own.WithProperties(properties)
}

// batchOverhead is what a message in a batch's body takes beside its own body and properties.
const batchOverhead = 22

func sizeOfProperties(properties map[string]string) int {
	size := 0
	for name, value := range properties {
		size += len(name) + len(value) + 2
	}
	return size
}

// goesAlone says that a message must not share a request: the broker would refuse the batch,
// or ignore what is special about the message.
func (p *Producer) goesAlone(msg *primitive.Message, properties map[string]string) bool {
	switch {
	case !p.config.batching,
		len(msg.Body) >= p.config.compressFrom,
		strings.HasPrefix(msg.Topic, retryPrefix),
		properties["INNER_MULTI_DISPATCH"] != "",
		properties[primitive.PropertyMsgType] != "":
		return true
	}
	return send.IsTimed(properties)
}

// enqueue gives the task to the lane that its first message belongs to.
func (p *Producer) enqueue(ctx context.Context, t *task, msg *primitive.Message) error {
	if err := p.takeRoom(ctx, len(t.messages), t.bytes); err != nil {
		return err
	}
	lane, err := p.laneOf(ctx, t.messages[0].Topic, msg, t.alone)
	if err == nil {
		err = p.admit(t, lane)
	}
	if err != nil {
		p.release(t)
		return &send.Failure{Err: err}
	}
	return nil
}

func (p *Producer) takeRoom(ctx context.Context, messages, bytes int) error {
	if err := p.room.take(ctx, messages, bytes); err != nil {
		return &send.Failure{Err: fmt.Errorf("no room among the messages in flight: %w", err)}
	}
	return nil
}

// admit adds the task unless the producer was closed meanwhile.
func (p *Producer) admit(t *task, l *lane) error {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.state == closed {
		return ErrClosed
	}
	l.add(t)
	return nil
}

func (p *Producer) release(t *task) { p.room.give(len(t.messages), t.bytes) }

func (p *Producer) laneOf(ctx context.Context, topic string, msg *primitive.Message, alone bool) (*lane, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	route, err := p.routes.Get(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("route: %w", err)
	}
	queue, err := p.queueOf(route, topic, msg)
	if err != nil {
		p.routes.Stale()
		return nil, err
	}
	return p.lanes.of(p, topic, queue, alone), nil
}
