package producer

import (
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// shunned is how long a broker that did not take a message gets no unkeyed ones, as long as
// there is another.
const shunned = 2 * time.Second

// queueOf is the queue that a message must go to, nil if any will do: the one it names, the
// selector's choice, or the one of its sharding key.
func (p *Producer) queueOf(route *send.Route, topic string, msg *primitive.Message) (*remoting.Queue, error) {
	if msg.Queue != nil {
		return &remoting.Queue{Topic: topic, Broker: msg.Queue.BrokerName, ID: msg.Queue.QueueId}, nil
	}
	if p.config.selector != nil {
		return p.selected(route, msg)
	}
	key := msg.GetShardingKey()
	if key == "" {
		return nil, nil
	}
	if len(route.Widest) == 0 {
		return nil, errNoQueue
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(key))
	return &route.Widest[hash.Sum32()%uint32(len(route.Widest))], nil
}

func (p *Producer) selected(route *send.Route, msg *primitive.Message) (queue *remoting.Queue, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the queue selector panicked: %v", r)
		}
	}()
	if len(route.Queues) == 0 {
		return nil, errNoQueue
	}
	queues := make([]*primitive.MessageQueue, len(route.Queues))
	for i, q := range route.Queues {
		queues[i] = &primitive.MessageQueue{Topic: msg.Topic, BrokerName: q.Broker, QueueId: q.ID}
	}
	chosen := p.config.selector.Select(msg, queues, "")
	if chosen == nil {
		return nil, errNoQueue
	}
	return &remoting.Queue{Topic: route.Queues[0].Topic, Broker: chosen.BrokerName, ID: chosen.QueueId}, nil
}

// pick chooses where the next attempt goes: the lane's own queue, or the next in turn of a
// broker that is not to be avoided.
func (l *lane) pick(avoid string) (remoting.Queue, bool) {
	if l.queue != nil {
		return *l.queue, true
	}
	p := l.producer
	route := p.routes.Cached(l.topic)
	if route == nil || len(route.Queues) == 0 {
		return remoting.Queue{}, false
	}
	start := p.turn.Add(1)
	n := uint32(len(route.Queues))
	var fallback *remoting.Queue
	for i := range n {
		q := &route.Queues[(start+i)%n]
		if q.Broker == avoid {
			continue
		}
		if !p.brokers.isDown(q.Broker) {
			return *q, true
		}
		if fallback == nil {
			fallback = q
		}
	}
	if fallback == nil {
		fallback = &route.Queues[start%n]
	}
	return *fallback, true
}

// hasOther says whether a topic can be written to on another broker.
func (p *Producer) hasOther(topic, broker string) bool {
	route := p.routes.Cached(topic)
	if route == nil {
		return false
	}
	for _, q := range route.Queues {
		if q.Broker != broker {
			return true
		}
	}
	return false
}

// brokers remembers which ones lately did not take a message.
type brokers struct {
	mu    sync.RWMutex
	until map[string]time.Time
}

func (b *brokers) down(broker string) {
	if broker == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until == nil {
		b.until = map[string]time.Time{}
	}
	b.until[broker] = time.Now().Add(shunned)
}

func (b *brokers) up(broker string) {
	if !b.known(broker) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.until, broker)
}

func (b *brokers) known(broker string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	_, ok := b.until[broker]
	return ok
}

func (b *brokers) isDown(broker string) bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	until, ok := b.until[broker]
	return ok && time.Now().Before(until)
}
