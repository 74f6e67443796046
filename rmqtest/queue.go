package rmqtest

import "slices"

type queueKey struct {
	topic string
	id    int
}

// queue is one queue of a topic. Its messages are in the order of the log. It is guarded by
// its store's lock.
type queue struct {
	messages []*stored     // the first has offset 0
	arrived  chan struct{} // closed by the next message; nil if nobody waits
}

// queue returns a queue, which is made if there is none.
func (s *store) queue(topic string, id int) *queue {
	key := queueKey{topic, id}
	q := s.queues[key]
	if q == nil {
		q = &queue{}
		s.queues[key] = q
	}
	return q
}

func (q *queue) append(m *stored) {
	m.QueueOffset = int64(len(q.messages))
	q.messages = append(q.messages, m)
	if q.arrived != nil {
		close(q.arrived)
		q.arrived = nil
	}
}

// truncate forgets the messages at and after a commit-log offset.
func (q *queue) truncate(offset int64) {
	kept := slices.IndexFunc(q.messages, func(m *stored) bool { return m.CommitLogOffset >= offset })
	if kept >= 0 {
		clear(q.messages[kept:])
		q.messages = q.messages[:kept]
	}
}

// from returns the messages of a queue from an offset on, at most limit; they do not change.
// arrival is closed when there are more.
func (s *store) from(topic string, id int, offset int64, limit int) (found []*stored, end int64, arrival <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queue(topic, id)
	end = int64(len(q.messages))
	if offset >= 0 && offset < end {
		last := min(end, offset+int64(limit))
		found = slices.Clone(q.messages[offset:last])
	}
	if q.arrived == nil {
		q.arrived = make(chan struct{})
	}
	return found, end, q.arrived
}

// endOf is the offset that the next message of a queue will have.
func (s *store) endOf(topic string, id int) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[queueKey{topic, id}]; q != nil {
		return int64(len(q.messages))
	}
	return 0
}

// storeTime is when the message at an offset was stored, in milliseconds; 0 if there is none.
func (s *store) storeTime(topic string, id int, offset int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey{topic, id}]
	if q == nil || offset < 0 || offset >= int64(len(q.messages)) {
		return 0
	}
	return q.messages[offset].StoreTimestamp
}

// offsetAt is the offset of the first message stored at or after a time in milliseconds, or
// the end of the queue if there is none.
func (s *store) offsetAt(topic string, id int, timestamp int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[queueKey{topic, id}]
	if q == nil {
		return 0
	}
	offset, _ := slices.BinarySearchFunc(q.messages, timestamp, func(m *stored, timestamp int64) int {
		if m.StoreTimestamp < timestamp {
			return -1
		}
		return 1
	})
	return int64(offset)
}
