package producer

import (
	"sync"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// lanes are all lanes of a producer: one for each topic's unkeyed messages, and one for each
// queue that keyed messages go to.
type lanes struct {
	mu    sync.RWMutex
	byKey map[laneKey]*lane
}

// aloneWidth is how many unkeyed messages of one topic are in flight at once that have a
// request of their own: as many as callers of the official client would have.
const aloneWidth = 1024

// laneKey names a lane: a queue, or any queue of its topic. Unkeyed messages that go alone have
// a lane of their own, so that they neither wait for batches nor cut them short.
type laneKey struct {
	queue remoting.Queue
	any   bool
	alone bool
}

func (ls *lanes) of(p *Producer, topic string, queue *remoting.Queue, alone bool) *lane {
	key := laneKey{queue: remoting.Queue{Topic: topic}, any: true, alone: alone}
	if queue != nil {
		key = laneKey{queue: *queue}
	}
	ls.mu.RLock()
	l := ls.byKey[key]
	ls.mu.RUnlock()
	if l != nil {
		return l
	}

	ls.mu.Lock()
	defer ls.mu.Unlock()
	if l := ls.byKey[key]; l != nil {
		return l
	}
	l = &lane{
		producer: p, topic: topic, width: key.width(p), underWay: map[*batch]bool{},
		limit: batchLimit{bytes: p.config.batchBytes, most: p.config.batchBytes},
	}
	if !key.any {
		own := key.queue // not key's, which then is on the heap for every look-up
		l.queue = &own
	}
	if ls.byKey == nil {
		ls.byKey = map[laneKey]*lane{}
	}
	ls.byKey[key] = l
	return l
}

// abandon tells every caller that waits.
func (ls *lanes) abandon() {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	for _, l := range ls.byKey {
		l.abandon()
	}
}

// retire lets the workers go that wait for something to send.
func (ls *lanes) retire() {
	ls.mu.RLock()
	defer ls.mu.RUnlock()
	for _, l := range ls.byKey {
		l.retire()
	}
}

// width is how many requests of the lane are in flight at once.
func (k laneKey) width(p *Producer) int {
	switch {
	case !k.any:
		return 1
	case k.alone:
		return max(aloneWidth, p.config.lanes)
	default:
		return p.config.lanes
	}
}
