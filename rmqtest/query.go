package rmqtest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// uniqueKeyLimit is how many messages a query by unique key finds at most.
const uniqueKeyLimit = 32

type indexKey struct{ topic, key string }

// index finds messages by unique key and by key. It is filled when it is asked, up to where
// it is held. It is guarded by its store's lock.
type index struct {
	entries map[indexKey][]*stored
	filled  int // messages of the log
	held    bool
}

// truncate forgets what the log has lost.
func (x *index) truncate(log []*stored) {
	kept := log[:min(x.filled, len(log))]
	x.entries, x.filled = nil, 0
	x.add(kept)
}

// fill catches up with the log, unless it is held.
func (x *index) fill(log []*stored) {
	if !x.held {
		x.add(log[x.filled:])
	}
}

func (x *index) add(messages []*stored) {
	if x.entries == nil {
		x.entries = map[indexKey][]*stored{}
	}
	for _, m := range messages {
		if id := m.UniqueKey(); id != "" {
			x.entry(indexKey{m.Topic, id}, m)
		}
		for _, key := range strings.Fields(m.Properties[propertyKeys]) {
			x.entry(indexKey{m.Topic, key}, m)
		}
	}
	x.filled += len(messages)
}

func (x *index) entry(key indexKey, m *stored) { x.entries[key] = append(x.entries[key], m) }

// HoldIndex keeps messages that are stored from now on out of the index, so that queries do
// not find them, until ReleaseIndex. A real broker fills its index a little after it stored a
// message; here it is up to date unless held.
func (b *Broker) HoldIndex() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.index.fill(b.store.log)
	b.store.index.held = true
}

// ReleaseIndex ends HoldIndex: the index catches up.
func (b *Broker) ReleaseIndex() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.index.held = false
}

// lookup returns at most limit messages, the latest of those stored between begin and end, in
// the order of the log.
func (s *store) lookup(key indexKey, limit int, begin, end int64) (found []*stored, last indexState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index.fill(s.log)
	if n := s.index.filled; n > 0 {
		last = indexState{s.log[n-1].CommitLogOffset, s.log[n-1].StoreTimestamp}
	}
	for _, m := range slices.Backward(s.index.entries[key]) {
		if len(found) >= limit {
			break
		}
		if m.StoreTimestamp >= begin && m.StoreTimestamp <= end {
			found = append(found, m)
		}
	}
	slices.Reverse(found)
	return found, last
}

// query answers QUERY_MESSAGE.
func (b *Broker) query(c *call) {
	var header remoting.QueryMessageHeader
	if !c.decode(&header) {
		return
	}
	if header.UniqueKeyQuery {
		header.MaxNum = uniqueKeyLimit
	}
	found, last := b.store.lookup(indexKey{header.Topic, header.Key}, header.MaxNum, header.BeginTimestamp, header.EndTimestamp)
	response := c.response(remoting.Success, "")
	if len(found) == 0 {
		response.Code, response.Remark = remoting.QueryNotFound, "can not find message, maybe time range not correct"
	}
	response.Ext = remoting.EncodeHeader(last)
	c.answerMessages(response, found)
}

// indexState is up to where the index is filled.
type indexState struct {
	Offset    int64 `rmq:"indexLastUpdatePhyoffset"`
	Timestamp int64 `rmq:"indexLastUpdateTimestamp"`
}

// viewMessage answers VIEW_MESSAGE_BY_ID.
func (b *Broker) viewMessage(c *call) {
	var header remoting.ViewMessageHeader
	if !c.decode(&header) {
		return
	}
	m := b.store.at(header.Offset)
	if m == nil {
		c.fail(remoting.SystemError, fmt.Sprintf("can not find message by the offset, %d", header.Offset))
		return
	}
	c.answerMessages(c.response(remoting.Success, ""), []*stored{m})
}

// answerMessages answers with the response, and messages as its body.
func (c *call) answerMessages(response *remoting.Command, messages []*stored) {
	body, err := encodeMessages(messages)
	if err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	response.Body = body
	c.answer(response)
}
