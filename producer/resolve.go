package producer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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
	marks := p.acked.Marks()
	copies, err := p.find(ctx, route.Masters, send.Wanted{Topic: wire, ID: id})
	if err != nil {
		err = fmt.Errorf("producer: resolve: %w", err)
	}
	resolution, found := NotFound, send.Found{}
	for _, c := range copies {
		if marks.Covers(c) {
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

// find looks for the batch whose attempts are in doubt: the first message says whether it is
// worth to look for the others, and then every one must be found, under the cover of a later
// SEND_OK. A batch is stored whole or not at all, but one message does not speak for the
// rest: its caller may have sent it before, in another batch that was stored.
func (w *worker) find(ctx context.Context) *primitive.SendResult {
	l, b := w.lane, w.batch
	if len(b.members) == 0 || len(b.sentTo) == 0 {
		return nil
	}
	first := l.findTask(ctx, b, b.members[0])
	if first == nil {
		return nil
	}
	found := make([]*primitive.SendResult, len(b.members))
	found[0] = first
	var wg sync.WaitGroup
	for i, t := range b.members[1:] {
		wg.Go(func() { found[i+1] = l.findTask(ctx, b, t) })
	}
	wg.Wait()
	if slices.Contains(found, nil) {
		return nil
	}
	messages := 0
	for i, t := range b.members {
		t.result = found[i]
		messages += len(t.messages)
	}
	l.producer.telemetry.DuplicatesAvoided(ctx, l.topic, messages)
	return first
}

// findTask looks for the messages of a task; nil unless all are found.
func (l *lane) findTask(ctx context.Context, b *batch, t *task) *primitive.SendResult {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var result *primitive.SendResult
	for _, msg := range t.messages {
		switch found := l.findMessage(ctx, b, t, msg); {
		case found == nil:
			return nil
		case result == nil:
			result = found
		default:
			result.OffsetMsgID += "," + found.OffsetMsgID
		}
	}
	result.MsgID = t.id()
	return result
}

func (l *lane) findMessage(ctx context.Context, b *batch, t *task, msg *primitive.Message) *primitive.SendResult {
	p := l.producer
	marks := p.acked.Marks()
	copies, _ := p.find(ctx, p.addresses(l.topic, b.sentTo), send.Wanted{
		Topic: l.topic, ID: msg.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex),
		Body: msg.Body, Properties: msg.GetProperties(),
	})
	for _, c := range copies {
		if marks.Covers(c) {
			return c.Result(t.topic)
		}
	}
	return nil
}

// addresses are those of the named brokers.
func (p *Producer) addresses(topic string, brokers []string) map[string]string {
	route := p.routes.Cached(topic)
	if route == nil {
		return nil
	}
	addresses := maps.Clone(route.Masters)
	maps.DeleteFunc(addresses, func(broker, _ string) bool { return !slices.Contains(brokers, broker) })
	return addresses
}
