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

// laneKey names a lane: a queue, or any queue of its topic.
type laneKey struct {
	queue remoting.Queue
	any   bool
}

func (ls *lanes) of(p *Producer, topic string, queue *remoting.Queue) *lane {
	key := laneKey{remoting.Queue{Topic: topic}, true}
	if queue != nil {
		key = laneKey{*queue, false}
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
	l = &lane{producer: p, topic: topic, width: p.config.lanes, limit: batchLimit{bytes: p.config.batchBytes, most: p.config.batchBytes}}
	if queue != nil {
		l.queue, l.width = &key.queue, 1
	}
	if ls.byKey == nil {
		ls.byKey = map[laneKey]*lane{}
	}
	ls.byKey[key] = l
	return l
}
