package consumer

import (
	"context"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// queue names a queue of a broker.
type queue struct {
	broker, topic string
	id            int
}

// position is where a message is stored. The topic is the queue's, %RETRY%group for a retry.
type position struct {
	queue
	offset int64
}

// queueOf is the queue a message was pulled from. The official client tells it; a test that
// calls a listener by itself may not.
func queueOf(ctx context.Context, msg *primitive.MessageExt) queue {
	if c, ok := primitive.GetConcurrentlyCtx(ctx); ok {
		return queue{broker: c.MQ.BrokerName, topic: c.MQ.Topic, id: c.MQ.QueueId}
	}
	if c, ok := primitive.GetOrderlyCtx(ctx); ok {
		return queue{broker: c.MQ.BrokerName, topic: c.MQ.Topic, id: c.MQ.QueueId}
	}
	q := queue{broker: msg.StoreHost, topic: msg.Topic}
	if msg.Queue != nil {
		q.id = msg.Queue.QueueId
	}
	return q
}

// inflight knows every message that is being handled, waiting included, so that none is
// handled twice at once:
//
//	first delivery               second delivery
//	--------------               ---------------
//	begin: registered
//	handler runs
//	(the queue is taken away by a rebalance and given back; the client pulls from the
//	committed offset, which this message has not passed)
//	                             begin: finds the first, waits for it
//	handler ends, message settled
//	end: forgotten, settled
//	                             answers success, nothing run
//
// What the first call returns goes nowhere, since its queue is no longer the client's; the
// second one's answer is what commits the offset. A first that ends unsettled leaves the message
// to the second.
type inflight struct {
	shards [shardCount]inflightShard
}

const shardCount = 64

type inflightShard struct {
	mu       sync.Mutex
	handling map[position]*handling
	_        [48]byte // a cache line of its own
}

// Neighbours in a queue are handled at the same time, so the offset spreads them best.
func (f *inflight) shard(p position) *inflightShard {
	return &f.shards[uint64(p.offset+int64(p.id)*31)%shardCount]
}

// begin registers h and returns nil, or returns the one that was there, and what is closed
// when that ends.
func (f *inflight) begin(h *handling) (first *handling, ended <-chan struct{}) {
	s := f.shard(h.at)
	s.mu.Lock()
	defer s.mu.Unlock()
	if first = s.handling[h.at]; first != nil {
		if first.ended == nil {
			first.ended = make(chan struct{})
		}
		return first, first.ended
	}
	if s.handling == nil {
		s.handling = map[position]*handling{}
	}
	s.handling[h.at] = h
	return nil, nil
}

// end forgets h, which begin registered; h.settled is final.
func (f *inflight) end(h *handling) {
	s := f.shard(h.at)
	s.mu.Lock()
	delete(s.handling, h.at)
	ended := h.ended
	s.mu.Unlock()
	if ended != nil {
		close(ended)
	}
}

// each calls look for every message that is being handled; look must be quick.
func (f *inflight) each(look func(*handling)) {
	for i := range f.shards {
		s := &f.shards[i]
		s.mu.Lock()
		for _, h := range s.handling {
			look(h)
		}
		s.mu.Unlock()
	}
}
