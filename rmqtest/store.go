package rmqtest

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// fixedSize is what a stored message takes beside its body, topic and properties.
const fixedSize = 91

// stored is a message in the log. Nothing changes it any more.
type stored struct {
	remoting.Message
	end      int64 // commit-log offset of what follows it
	tagsCode int64
	origin   *stored // the scheduled message that it is the delivery of
}

// store is a broker's one commit log, and the queues that point into it. How far it is
// flushed and replicated are prefixes of the log.
type store struct {
	mu     sync.Mutex
	log    []*stored // by commit-log offset
	end    int64
	queues map[queueKey]*queue
	index  index

	asyncFlush   bool
	flushStalled bool
	flushed      int64

	replicas   int
	slaveLost  bool
	replicated int64

	moved chan struct{} // closed when flushed or replicated move; nil if nobody waits
}

func newStore(o options) *store {
	return &store{
		queues:     map[queueKey]*queue{},
		asyncFlush: o.asyncFlush,
		replicas:   o.inSyncReplicas,
	}
}

// append puts messages at the end of the log, all of them or none, and next to each other.
func (s *store) append(messages ...*stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMilli()
	for _, m := range messages {
		m.StoreTimestamp = now
		m.CommitLogOffset = s.end
		s.end += sizeOf(&m.Message)
		m.end = s.end
		s.log = append(s.log, m)
		s.dispatch(m)
	}
	s.advance()
}

// dispatch puts a message into its queue. A prepared message of the old kind, which has the
// flag without the property, stays in the log, where nobody finds it.
func (s *store) dispatch(m *stored) {
	if t := m.SysFlag & remoting.FlagTransactionMask; t == remoting.FlagPrepared || t == remoting.FlagTransactionMask {
		return
	}
	s.queue(m.Topic, m.QueueID).append(m)
}

// advance moves what may move: the flush unless it is stalled or has to be asked for, the
// slave unless it is lost.
func (s *store) advance() {
	flushed, replicated := s.flushed, s.replicated
	if !s.asyncFlush && !s.flushStalled {
		s.flushed = s.end
	}
	if !s.slaveLost {
		s.replicated = s.end
	}
	if flushed != s.flushed || replicated != s.replicated {
		s.wake()
	}
}

func (s *store) wake() {
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}

// at returns the message that begins at a commit-log offset, nil if none does.
func (s *store) at(offset int64) *stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, found := s.find(offset)
	if !found {
		return nil
	}
	return s.log[i]
}

func (s *store) find(offset int64) (int, bool) {
	return slices.BinarySearchFunc(s.log, offset, func(m *stored, offset int64) int {
		switch {
		case m.CommitLogOffset < offset:
			return -1
		case m.CommitLogOffset > offset:
			return 1
		default:
			return 0
		}
	})
}

// truncate forgets everything that is not flushed.
func (s *store) truncate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept, _ := s.find(s.flushed)
	for _, m := range s.log[kept:] {
		if q := s.queues[queueKey{m.Topic, m.QueueID}]; q != nil {
			q.truncate(s.flushed)
		}
	}
	clear(s.log[kept:])
	s.log = s.log[:kept]
	s.end = s.flushed
	s.replicated = min(s.replicated, s.end)
	s.index.truncate(s.log)
}

// each calls f with every message in the queues of a topic.
func (s *store) each(topic string, f func(*stored)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, q := range s.queues {
		if key.topic != topic {
			continue
		}
		for _, m := range q.messages {
			f(m)
		}
	}
}

// all returns the log as it is now.
func (s *store) all() []*stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// remove forgets a topic's queues; what they held stays in the log, as on a real broker.
func (s *store) remove(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.queues {
		if key.topic == topic {
			delete(s.queues, key)
		}
	}
}

// size is how far the log goes and is flushed, how many messages it has, and when the first
// was stored, in milliseconds; -1 if there is none.
func (s *store) size() (end, flushed int64, count int, earliest int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	earliest = -1
	if len(s.log) > 0 {
		earliest = s.log[0].StoreTimestamp
	}
	return s.end, s.flushed, len(s.log), earliest
}

// sizeOf is how many bytes of log a message takes.
func sizeOf(m *remoting.Message) int64 {
	return int64(fixedSize + len(m.Body) + len(m.Topic) + propertiesSize(m.Properties))
}

func propertiesSize(properties map[string]string) int {
	n := 0
	for name, value := range properties {
		n += len(name) + len(value) + 2
	}
	return n
}
