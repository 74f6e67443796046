package rmqtest

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Topics that every broker has.
const (
	defaultTopic  = "TBW102" // a topic created by its first send inherits from it
	scheduleTopic = "SCHEDULE_TOPIC_XXXX"
	timerTopic    = "rmq_sys_wheel_timer"
	halfTopic     = "RMQ_SYS_TRANS_HALF_TOPIC"
	opTopic       = "RMQ_SYS_TRANS_OP_HALF_TOPIC"
	discardTopic  = "TRANS_CHECK_MAX_TIME_TOPIC"
	replyTopic    = clusterName + "_REPLY_TOPIC"

	retryPrefix = "%RETRY%"
	deadPrefix  = "%DLQ%"

	permInherit   = 1 << 0
	permReadWrite = remoting.PermRead | remoting.PermWrite

	defaultTopicQueues = 8
	scheduleQueues     = 18

	maxTopicLength       = 127
	maxPrefixedTopicName = 255
)

// closedTopics are those that clients may not send to.
var closedTopics = map[string]bool{
	scheduleTopic: true, halfTopic: true, opTopic: true, discardTopic: true,
	"SELF_TEST_TOPIC": true, "OFFSET_MOVED_EVENT": true,
}

// topic is a broker's configuration of a topic. It is a value: changing it means putting
// another one into the table.
type topic struct {
	name        string
	readQueues  int
	writeQueues int
	perm        int
	sysFlag     int
	order       bool
	filterType  string
	system      bool
}

func newTopic(name string, queues int) topic {
	return topic{name: name, readQueues: queues, writeQueues: queues, perm: permReadWrite, filterType: "SINGLE_TAG"}
}

// queues is how many queues can hold messages.
func (t topic) queues() int { return max(t.readQueues, t.writeQueues) }

// topicTable is the topics of one broker.
type topicTable struct {
	mu     sync.RWMutex
	topics map[string]topic
}

func newTopicTable(broker string, o options) *topicTable {
	t := &topicTable{topics: map[string]topic{}}
	system := func(name string, queues, perm int) {
		config := newTopic(name, queues)
		config.perm, config.system = perm, true
		t.topics[name] = config
	}
	if o.createTopics {
		queues := defaultTopicQueues
		if o.queuesSet {
			queues = o.queues
		}
		system(defaultTopic, queues, permInherit|permReadWrite)
	}
	system(scheduleTopic, scheduleQueues, permReadWrite)
	for _, name := range []string{timerTopic, halfTopic, opTopic, replyTopic, "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT"} {
		system(name, 1, permReadWrite)
	}
	system(clusterName, 16, permInherit|permReadWrite)
	system(broker, 1, permInherit|permReadWrite)
	return t
}

func (t *topicTable) get(name string) (topic, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	found, ok := t.topics[name]
	return found, ok
}

func (t *topicTable) put(config topic) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.topics[config.name] = config
}

// create returns the topic of that name, which is config unless there was one.
func (t *topicTable) create(config topic) topic {
	if found, ok := t.get(config.name); ok {
		return found
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if found, ok := t.topics[config.name]; ok {
		return found
	}
	t.topics[config.name] = config
	return config
}

func (t *topicTable) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.topics, name)
}

func (t *topicTable) names() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return slices.Sorted(maps.Keys(t.topics))
}

// createForSend makes a topic that was sent to without having been created, if the default
// topic that the sender names allows that.
func (b *Broker) createForSend(name, inheritFrom string, queues int) (topic, bool) {
	parent, ok := b.topics.get(inheritFrom)
	if !ok || parent.perm&permInherit == 0 || !b.config.bool(keyAutoCreateTopic) {
		if strings.HasPrefix(name, retryPrefix) {
			return b.topics.create(newTopic(name, 1)), true
		}
		return topic{}, false
	}
	queues = max(0, min(queues, parent.writeQueues))
	if b.options.queuesSet {
		queues = b.options.queues
	}
	created := newTopic(name, queues)
	created.perm = parent.perm &^ permInherit
	return b.topics.create(created), true
}

// checkName says what is wrong with the name of a topic; empty if nothing is.
func checkName(name string) string {
	limit := maxTopicLength
	if strings.HasPrefix(name, retryPrefix) || strings.HasPrefix(name, deadPrefix) {
		limit = maxPrefixedTopicName
	}
	switch {
	case strings.TrimSpace(name) == "":
		return "The specified topic is blank."
	case strings.ContainsFunc(name, illegalInName):
		return "The specified topic: " + name + ", contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"
	case len(name) > limit:
		return "The specified topic: " + name + ", is too long."
	default:
		return ""
	}
}

func illegalInName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return false
	default:
		return !strings.ContainsRune("%|-_", r)
	}
}
