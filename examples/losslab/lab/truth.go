package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

// told is what a broker was told about one order by its consumer.
type told struct {
	id           string
	acknowledged bool // the group's offset is past it
	again        bool // a copy of it waits to be tried again
	dead         bool // a copy of it is a dead letter
}

// judge compares what the broker was told with the effects. The error means that the two do
// not belong together.
func (s *side) judge(ctx context.Context) (counts, error) {
	topic, err := s.stored(ctx, s.topic())
	if err != nil {
		return counts{}, err
	}
	retries, err := s.stored(ctx, retryPrefix+s.group())
	if err != nil {
		return counts{}, err
	}
	letters, err := s.stored(ctx, deadPrefix+s.group())
	if err != nil {
		return counts{}, err
	}
	again, dead := map[string]bool{}, map[string]bool{}
	for _, m := range retries {
		again[m.id] = again[m.id] || !m.acknowledged
	}
	for _, m := range letters {
		dead[m.id] = true
	}
	for i := range topic {
		topic[i].again, topic[i].dead = again[topic[i].id], dead[topic[i].id]
	}
	if len(topic) != len(s.orders) {
		return counts{}, fmt.Errorf("%d orders were stored, and %d are there", len(s.orders), len(topic))
	}
	return judgeConsumed(topic, s.effects.all())
}

// judgeConsumed compares what a broker was told about orders with their effects.
func judgeConsumed(orders []told, effects map[string]int) (counts, error) {
	c := counts{attempted: len(orders)}
	seen := map[string]bool{}
	for _, o := range orders {
		if seen[o.id] {
			return c, fmt.Errorf("order %s is there twice", o.id)
		}
		seen[o.id] = true
		c.consumed(o, effects[o.id])
	}
	for id := range effects {
		if !seen[id] {
			return c, fmt.Errorf("order %s had an effect and was never there", id)
		}
	}
	return c, nil
}

// consumed counts one order, by its effects.
func (c *counts) consumed(o told, effects int) {
	if o.acknowledged {
		c.acknowledged++
	}
	if effects > 1 {
		c.doubled++
	}
	switch {
	case effects > 0:
		c.delivered++
	case o.dead:
		c.dead++
	case o.acknowledged && !o.again:
		c.lost++
	default:
		c.waiting++
	}
}

// stored is every message of a topic that may not be there, and whether the group's offset is
// past it.
func (s *side) stored(ctx context.Context, topic string) ([]told, error) {
	messages, err := scan.Topic(ctx, s.reader, topic)
	if errors.Is(err, &holdfast.BrokerError{Code: remoting.TopicNotExist}) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	offsets, err := s.offsets(ctx, topic)
	if err != nil {
		return nil, err
	}
	all := make([]told, len(messages))
	for i, m := range messages {
		order, err := readOrder(m)
		if err != nil {
			return nil, err
		}
		all[i] = told{id: order.id, acknowledged: m.QueueOffset < offsets[m.QueueID].Consumer}
	}
	return all, nil
}

// offsets is how far the group is in each queue of a topic, by number: the lab's consumers
// have one broker.
func (s *side) offsets(ctx context.Context, topic string) (map[int]remoting.ConsumeOffset, error) {
	route, err := s.reader.Route(ctx, topic)
	if err != nil {
		return nil, err
	}
	offsets := map[int]remoting.ConsumeOffset{}
	for _, broker := range route.Brokers {
		stats, err := s.reader.ConsumeStats(ctx, route.Master(broker.Name), s.group(), topic)
		if err != nil {
			return nil, fmt.Errorf("offsets of %s: %w", s.group(), err)
		}
		for queue, offset := range stats.Offsets {
			offsets[queue.ID] = offset
		}
	}
	return offsets, nil
}
