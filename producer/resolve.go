package producer

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
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
		if p.acked.Covers(c.Broker, c.Message.CommitLogOffset, 0) {
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
	case errors.Is(err, &holdfast.BrokerError{Code: remoting.NoPermission}):
		outcome = telemetry.LookupRefused
	case err != nil:
		outcome = telemetry.LookupFailed
	}
	p.telemetry.Lookup(ctx, wanted.Topic, outcome)
	return copies, err
}

// find looks for a batch whose attempts are in doubt. One message decides for all, because a
// batch is stored whole or not at all. What is found counts only under the cover of a later
// SEND_OK. Each task gets its own result, as far as it can be had.
func (l *lane) find(ctx context.Context, b *batch) *primitive.SendResult {
	if len(b.members) == 0 || len(b.sentTo) == 0 {
		return nil
	}
	p := l.producer
	first := l.findTask(ctx, b, b.members[0])
	if first == nil {
		return nil
	}
	var rest sync.WaitGroup
	for _, t := range b.members[1:] {
		rest.Go(func() { l.findTask(ctx, b, t) })
	}
	rest.Wait()
	p.telemetry.DuplicatesAvoided(ctx, l.topic, b.messages())
	return first
}

func (l *lane) findTask(ctx context.Context, b *batch, t *task) *primitive.SendResult {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	p := l.producer
	msg := t.messages[0]
	copies, _ := p.find(ctx, p.addresses(l.topic, b.sentTo), send.Wanted{
		Topic: l.topic, ID: msg.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex), Body: msg.Body,
	})
	for _, c := range copies {
		if p.acked.Covers(c.Broker, c.Message.CommitLogOffset, b.since) {
			t.result = c.Result(t.topic)
			return t.result
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
