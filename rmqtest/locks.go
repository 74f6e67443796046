package rmqtest

import (
	"encoding/json"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// lockLife is how long a queue stays locked that nobody locks again, before it is scaled.
const lockLife = time.Minute

// lockTable is which client of a group that consumes in order has which queue. Locks are
// lost when the broker stops.
type lockTable struct {
	life time.Duration

	mu     sync.Mutex
	groups map[string]map[remoting.Queue]lockEntry
}

type lockEntry struct {
	clientID string
	renewed  time.Time
}

func newLockTable(o options) *lockTable {
	return &lockTable{life: o.scaled(lockLife), groups: map[string]map[remoting.Queue]lockEntry{}}
}

// lock takes or renews what can be had, and returns it.
func (t *lockTable) lock(group, clientID string, queues []remoting.Queue) []remoting.Queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.groups[group] == nil {
		t.groups[group] = map[remoting.Queue]lockEntry{}
	}
	locked := []remoting.Queue{}
	for _, q := range queues {
		entry, taken := t.groups[group][q]
		if !taken || entry.clientID == clientID || t.expired(entry) {
			t.groups[group][q] = lockEntry{clientID, time.Now()}
			locked = append(locked, q)
		}
	}
	return locked
}

func (t *lockTable) unlock(group, clientID string, queues []remoting.Queue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range queues {
		if t.groups[group][q].clientID == clientID {
			delete(t.groups[group], q)
		}
	}
}

// held says that some queue of a group is locked.
func (t *lockTable) held(group string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, entry := range t.groups[group] {
		if !t.expired(entry) {
			return true
		}
	}
	return false
}

func (t *lockTable) expired(entry lockEntry) bool { return time.Since(entry.renewed) > t.life }

func (t *lockTable) clear() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.groups)
}

type lockBody struct {
	Group    string           `json:"consumerGroup"`
	ClientID string           `json:"clientId"`
	Queues   []remoting.Queue `json:"mqSet"`
}

// lockQueues answers LOCK_BATCH_MQ.
func (b *Broker) lockQueues(c *call) {
	var body lockBody
	if err := remoting.UnmarshalFastjson(c.request.Body, &body); err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	answer, err := json.Marshal(map[string][]remoting.Queue{"lockOKMQSet": b.locks.lock(body.Group, body.ClientID, body.Queues)})
	if err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	c.okBody(nil, answer)
}

// unlockQueues answers UNLOCK_BATCH_MQ.
func (b *Broker) unlockQueues(c *call) {
	var body lockBody
	if err := remoting.UnmarshalFastjson(c.request.Body, &body); err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	b.locks.unlock(body.Group, body.ClientID, body.Queues)
	c.ok(nil)
}
