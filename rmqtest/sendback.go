package rmqtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// sendBack answers CONSUMER_SEND_MSG_BACK: it stores a copy of a message for its group to try
// again after a delay, or among the group's dead letters. Nobody waits for the copy to be
// flushed or replicated.
func (b *Broker) sendBack(c *call) {
	var header remoting.SendBackHeader
	if !c.decode(&header) {
		return
	}
	config, ok := b.groups.find(header.Group)
	switch {
	case !ok:
		c.fail(remoting.GroupNotExist, "subscription group not exist, "+header.Group)
		return
	case b.config.int(keyPermission)&remoting.PermWrite == 0:
		c.fail(remoting.NoPermission, "the broker[127.0.0.1] sending message is forbidden")
		return
	case config.RetryQueues <= 0:
		c.ok(nil) // as a real broker: the message is gone
		return
	}
	retry := b.topics.create(newTopic(retryPrefix+header.Group, config.RetryQueues))
	if retry.perm&remoting.PermWrite == 0 {
		c.fail(remoting.NoPermission, "the topic["+retry.name+"] sending message is forbidden")
		return
	}
	original := b.store.at(header.Offset)
	if original == nil {
		c.fail(remoting.SystemError, fmt.Sprintf("look message by offset failed, %d", header.Offset))
		return
	}
	limit := config.RetryMaxTimes
	if c.request.Ext["maxReconsumeTimes"] != "" {
		limit = header.MaxReconsumeTimes
	}
	if r, ok := b.put(b.copyBack(original, &header, retry, limit)); !ok {
		c.fail(remoting.SystemError, r.remark)
		return
	}
	c.ok(nil)
}

// copyBack makes the copy of original that its group tries again, or its dead letter.
func (b *Broker) copyBack(original *stored, header *remoting.SendBackHeader, retry topic, limit int) *stored {
	m := &stored{Message: original.Message}
	m.StoreHost = b.server.address
	m.Properties = maps.Clone(original.Properties)
	if m.Properties[propertyRetryTopic] == "" {
		m.Properties[propertyRetryTopic] = original.Topic
	}
	if m.Properties[propertyOriginID] == "" {
		m.Properties[propertyOriginID] = original.OffsetMsgID()
	}
	m.Properties[propertyWait] = "false"
	m.ReconsumeTimes = original.ReconsumeTimes + 1

	if original.ReconsumeTimes >= limit || header.DelayLevel < 0 {
		m.Properties[propertyDelay] = "0"
		m.Topic, m.QueueID = b.topics.create(newTopic(deadPrefix+header.Group, 1)).name, 0
		return m
	}
	level := header.DelayLevel
	if level == 0 {
		level = 3 + original.ReconsumeTimes
	}
	m.Properties[propertyDelay] = strconv.Itoa(level)
	m.Topic, m.QueueID = retry.name, rand.IntN(retry.writeQueues)
	return m
}
