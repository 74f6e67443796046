package producer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

// lookupTimeout bounds a look-up between two attempts.
const lookupTimeout = time.Second

// Resolution is what the brokers know of a message.
type Resolution int

const (
	// NotFound proves nothing: the index is filled asynchronously and reaches back only so
	// far.
	NotFound Resolution = iota

	// Found means stored by the master. Whether a crash would leave it is not known.
	Found

	// FoundDurable means stored, and the same broker has since answered SEND_OK to this
	// producer for a message further back in its log: as good as SEND_OK.
	FoundDurable
)

// String returns the name.
func (r Resolution) String() string {
	return [...]string{"not found", "found", "found durable"}[r]
}

// Resolve asks the brokers of a topic whether they have stored the message with that
// UNIQ_KEY: what a send does by itself after an attempt without an answer, for callers who
// were left with ErrOutcomeUnknown. The result says where, for Found and FoundDurable. The
// error says which brokers could not be asked; what was found among the others stands beside
// it. It ends when ctx does.
func (p *Producer) Resolve(ctx context.Context, topic, id string) (Resolution, *primitive.SendResult, error) {
	if err := p.ready(); err != nil {
		return NotFound, nil, err
	}
	if err := checkTopic(topic); err != nil {
		return NotFound, nil, fmt.Errorf("producer: resolve: %w", err)
	}
	if id == "" {
		return NotFound, nil, errors.New("producer: resolve: id is empty: give the message's UNIQ_KEY")
	}
	wire := p.cluster.Topic(topic)
	route, err := p.routes.Get(ctx, wire)
	if err != nil {
		return NotFound, nil, fmt.Errorf("producer: resolve: route of %q: %w", topic, err)
	}
	copies, err := p.find(ctx, route.Masters, send.Wanted{Topic: wire, ID: id})
	if err != nil {
		err = fmt.Errorf("producer: resolve: %w", err)
	}
	resolution, found := NotFound, send.Found{}
	for _, c := range copies {
		if p.acked.Covers(c) {
			return FoundDurable, c.Result(topic), err
		}
		resolution, found = Found, c
	}
	if resolution == NotFound {
		return NotFound, nil, err
	}
	return Found, found.Result(topic), err
}

// find asks brokers for copies, and counts the question.
func (p *Producer) find(ctx context.Context, brokers map[string]string, wanted send.Wanted) ([]send.Found, error) {
	copies, err := p.lookup.Find(ctx, brokers, wanted)
	outcome := telemetry.LookupNotFound
	switch {
	case len(copies) > 0:
		outcome = telemetry.LookupFound
	case remoting.Denied(err):
		outcome = telemetry.LookupRefused
	case err != nil:
		outcome = telemetry.LookupFailed
	}
	p.telemetry.Lookup(ctx, wanted.Topic, outcome)
	return copies, err
}

// find looks for a batch whose attempts are in doubt. One message decides for all, because a
// batch is stored whole or not at all. What is found counts only under the cover of a later
// SEND_OK. Each task gets its own result, without an offset id where that cannot be had, and
// with the queue offset -1 where that cannot be told either.
func (l *lane) find(ctx context.Context, b *batch) *primitive.SendResult {
	if len(b.members) == 0 || len(b.sentTo) == 0 {
		return nil
	}
	first := l.findTask(ctx, b, b.members[0])
	if first == nil {
		return nil
	}
	rest := b.members[1:]
	found := make([]*primitive.SendResult, len(rest))
	var wg sync.WaitGroup
	for i, t := range rest {
		wg.Go(func() { found[i] = l.findTask(ctx, b, t) })
	}
	wg.Wait()

	b.members[0].result = first
	position := int64(len(b.members[0].messages))
	for i, t := range rest {
		if t.result = found[i]; t.result == nil {
			t.result = shareOf(t, first, "", position)
			if len(b.members) < len(b.tasks) {
				t.result.QueueOffset = -1 // one that has left since may lie in between
			}
		}
		position += int64(len(t.messages))
	}
	l.producer.telemetry.DuplicatesAvoided(ctx, l.topic, int(position))
	return first
}

// findTask looks for the messages of a task; nil if the first is not found.
func (l *lane) findTask(ctx context.Context, b *batch, t *task) *primitive.SendResult {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	result := l.findMessage(ctx, b, t, t.messages[0])
	if result == nil {
		return nil
	}
	for _, msg := range t.messages[1:] {
		result.OffsetMsgID += ","
		if next := l.findMessage(ctx, b, t, msg); next != nil {
			result.OffsetMsgID += next.OffsetMsgID
		}
	}
	result.MsgID = t.id()
	return result
}

func (l *lane) findMessage(ctx context.Context, b *batch, t *task, msg *primitive.Message) *primitive.SendResult {
	p := l.producer
	copies, _ := p.find(ctx, p.addresses(l.topic, b.sentTo), send.Wanted{
		Topic: l.topic, ID: msg.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex),
		Body: msg.Body, Properties: msg.GetProperties(),
	})
	for _, c := range copies {
		if p.acked.Covers(c) {
			return c.Result(t.topic)
		}
	}
	return nil
}

// addresses are those of the named brokers.
func (p *Producer) addresses(topic string, brokers map[string]bool) map[string]string {
	route := p.routes.Cached(topic)
	if route == nil {
		return nil
	}
	addresses := maps.Clone(route.Masters)
	maps.DeleteFunc(addresses, func(broker, _ string) bool { return !brokers[broker] })
	return addresses
}
