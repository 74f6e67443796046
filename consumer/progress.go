package consumer

import (
	"context"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// stalledAfter is for how long a queue may have messages and acknowledge none before it is
// reported.
const stalledAfter = 5 * time.Minute

// progress measures how far the group is behind, and reports queues that stand still and
// topics that have no place left.
type progress struct {
	consumer *Consumer
	places   int
	topics   map[string]string // wire name: bare

	queues map[remoting.Queue]*advance
	full   map[string]bool // topics whose places were all taken at the last look
	denied bool
}

// advance is how long a queue has been where it is.
type advance struct {
	offset   int64
	since    time.Time
	reported bool
}

func (c *Consumer) newProgress() *progress {
	p := &progress{consumer: c, places: c.config.slots(), topics: map[string]string{}, queues: map[remoting.Queue]*advance{}, full: map[string]bool{}}
	for topic := range c.handlers {
		p.topics[c.cluster.Topic(topic)] = topic
	}
	return p
}

func (p *progress) run(ctx context.Context) {
	ticker := time.NewTicker(p.consumer.config.look)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.look(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (p *progress) look(ctx context.Context) {
	p.lookAtPlaces()
	bounded, cancel := context.WithTimeout(ctx, p.consumer.config.look)
	defer cancel()
	for wire, topic := range p.topics {
		if behind, ok := p.lookAtTopic(bounded, wire); ok {
			p.consumer.engine.telemetry.Lag(ctx, topic, p.consumer.group, behind)
		}
	}
}

// lookAtTopic adds up how far the group is behind in all queues; no if a broker did not say.
func (p *progress) lookAtTopic(ctx context.Context, topic string) (behind int64, ok bool) {
	c := p.consumer
	masters, err := c.retries.masters.of(ctx, topic)
	if err != nil {
		return 0, false
	}
	for _, address := range masters {
		stats, err := c.retries.client.ConsumeStats(ctx, address, c.cluster.Topic(c.group), topic)
		if err != nil {
			if remoting.Denied(err) && !p.denied {
				p.denied = true
				c.config.logger.Warn("brokers do not allow to ask how far the group is behind: its lag is not measured", "group", c.group, "error", err)
			}
			return 0, false
		}
		for queue, at := range stats.Offsets {
			behind += max(at.Broker-at.Consumer, 0)
			p.lookAtQueue(queue, at.Consumer, at.Broker, time.Now())
		}
	}
	return behind, true
}

func (p *progress) lookAtQueue(queue remoting.Queue, acknowledged, end int64, now time.Time) {
	q := p.queues[queue]
	if q == nil || q.offset != acknowledged || acknowledged >= end {
		p.queues[queue] = &advance{offset: acknowledged, since: now}
		return
	}
	if stood := now.Sub(q.since); stood >= stalledAfter && !q.reported {
		q.reported = true
		p.consumer.config.logger.Warn("a queue of the group does not advance: its messages are held, or no member has it",
			"group", p.consumer.group, "topic", p.consumer.cluster.BareTopic(queue.Topic), "broker", queue.Broker, "queue", queue.ID,
			"behind", end-acknowledged, "for", stood)
	}
}

// lookAtPlaces reports topics whose places were all taken at two looks in a row.
func (p *progress) lookAtPlaces() {
	taken := map[string]int{}
	p.consumer.engine.inflight.each(func(h *handling) { taken[h.at.topic]++ })
	for topic, n := range taken {
		if n < p.places || p.places == 0 {
			delete(taken, topic)
		}
	}
	for topic := range taken {
		if p.full[topic] {
			p.consumer.config.logger.Warn("every place of a topic is taken: messages behind these wait until one is settled",
				"group", p.consumer.group, "topic", p.consumer.cluster.BareTopic(topic), "places", p.places)
		}
	}
	p.full = map[string]bool{}
	for topic := range taken {
		p.full[topic] = true
	}
}
