package rmqtest

import (
	"sync"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

type offsetKey struct {
	group string
	queueKey
}

// offsetTable is how far each group has consumed each queue. It survives everything, a power
// failure too; on a real broker that may set it back by some seconds.
type offsetTable struct {
	mu        sync.Mutex
	committed map[offsetKey]int64
	pull      map[offsetKey]int64
}

func newOffsetTable() *offsetTable {
	return &offsetTable{committed: map[offsetKey]int64{}, pull: map[offsetKey]int64{}}
}

func (t *offsetTable) commit(group, topic string, queue int, offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committed[offsetKey{group, queueKey{topic, queue}}] = offset
}

// get is what a group has committed, -1 if it has not.
func (t *offsetTable) get(group, topic string, queue int) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if offset, ok := t.committed[offsetKey{group, queueKey{topic, queue}}]; ok {
		return offset
	}
	return -1
}

func (t *offsetTable) pulled(group, topic string, queue int, next int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pull[offsetKey{group, queueKey{topic, queue}}] = next
}

func (t *offsetTable) pulledUpTo(group, topic string, queue int) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pull[offsetKey{group, queueKey{topic, queue}}]
}

// topicsOf are the topics that a group has committed offsets of.
func (t *offsetTable) topicsOf(group string) map[string]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	topics := map[string]bool{}
	for key := range t.committed {
		if key.group == group {
			topics[key.topic] = true
		}
	}
	return topics
}

func (t *offsetTable) remove(concerns func(offsetKey) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, table := range []map[offsetKey]int64{t.committed, t.pull} {
		for key := range table {
			if concerns(key) {
				delete(table, key)
			}
		}
	}
}

// consumerOffset answers QUERY_CONSUMER_OFFSET. A group that has committed nothing begins at
// 0 where the queue still has its first message; otherwise it is told that nothing is known.
func (b *Broker) consumerOffset(c *call) {
	var header remoting.QueryConsumerOffsetHeader
	if !c.decode(&header) {
		return
	}
	offset := b.offsets.get(header.ConsumerGroup, header.Topic, header.QueueID)
	switch {
	case offset >= 0:
		c.ok(remoting.OffsetResponse{Offset: offset})
	case c.request.Ext["setZeroIfNotFound"] == "false":
		c.fail(remoting.QueryNotFound, "Not found, do not set to zero, maybe this group boot first")
	case b.store.endOf(header.Topic, header.QueueID) > 0:
		c.ok(remoting.OffsetResponse{Offset: 0})
	default:
		c.fail(remoting.QueryNotFound, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
	}
}

// updateOffset answers UPDATE_CONSUMER_OFFSET.
func (b *Broker) updateOffset(c *call) {
	var header remoting.UpdateConsumerOffsetHeader
	if !c.decode(&header) {
		return
	}
	if _, ok := b.groups.get(header.ConsumerGroup); !ok {
		c.fail(remoting.GroupNotExist, "Group "+header.ConsumerGroup+" not exist!")
		return
	}
	if _, ok := b.topics.get(header.Topic); !ok {
		c.fail(remoting.TopicNotExist, "Topic "+header.Topic+" not exist!")
		return
	}
	b.offsets.commit(header.ConsumerGroup, header.Topic, header.QueueID, header.CommitOffset)
	c.ok(nil)
}

// maxOffset answers GET_MAX_OFFSET.
func (b *Broker) maxOffset(c *call) {
	b.answerOffset(c, func(h *remoting.OffsetHeader) int64 { return b.store.endOf(h.Topic, h.QueueID) })
}

// minOffset answers GET_MIN_OFFSET: nothing is ever deleted for its age.
func (b *Broker) minOffset(c *call) {
	b.answerOffset(c, func(*remoting.OffsetHeader) int64 { return 0 })
}

// searchOffset answers SEARCH_OFFSET_BY_TIMESTAMP.
func (b *Broker) searchOffset(c *call) {
	b.answerOffset(c, func(h *remoting.OffsetHeader) int64 { return b.store.offsetAt(h.Topic, h.QueueID, h.Timestamp) })
}

func (b *Broker) answerOffset(c *call, find func(*remoting.OffsetHeader) int64) {
	var header remoting.OffsetHeader
	if c.decode(&header) {
		c.ok(remoting.OffsetResponse{Offset: find(&header)})
	}
}
