package rmqtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Response codes that no other package of ours needs.
const (
	subscriptionMalformed = 23
	subscriptionOutdated  = 25
	invalidParameter      = 29
)

// send answers SEND_MESSAGE, SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE. Whether it is a batch is
// said by the header, not by the code.
func (b *Broker) send(c *call) {
	var header remoting.SendMessageHeader
	if !c.decode(&header) {
		return
	}
	config, r, ok := b.checkSend(&header)
	switch {
	case !ok:
		b.refuseSend(c, r)
	case len(c.request.Body) == 0:
		c.fail(remoting.SystemError, "java.lang.NullPointerException: the message has no body")
	case header.Batch:
		b.sendBatch(c, &header, config)
	default:
		b.sendOne(c, &header, config)
	}
}

// checkSend finds or creates the topic of a send.
func (b *Broker) checkSend(header *remoting.SendMessageHeader) (topic, refusal, bool) {
	if complaint := checkName(header.Topic); complaint != "" {
		return topic{}, refusal{invalidParameter, complaint}, false
	}
	if closedTopics[header.Topic] {
		return topic{}, refusal{remoting.NoPermission, "Sending message to topic[" + header.Topic + "] is forbidden."}, false
	}
	config, ok := b.topics.get(header.Topic)
	if !ok {
		config, ok = b.createForSend(header.Topic, header.DefaultTopic, header.DefaultTopicQueueNums)
	}
	if !ok {
		return topic{}, refusal{remoting.TopicNotExist, "topic[" + header.Topic + "] not exist, apply first please!"}, false
	}
	if header.QueueID >= config.queues() {
		return topic{}, refusal{invalidParameter, fmt.Sprintf("request queueId[%d] is illegal, %s has %d", header.QueueID, header.Topic, config.queues())}, false
	}
	switch {
	case header.QueueID >= 0:
	case config.writeQueues <= 0:
		return topic{}, refusal{remoting.SystemError, "java.lang.ArithmeticException: / by zero"}, false
	default:
		header.QueueID = rand.IntN(config.writeQueues)
	}
	return config, refusal{}, true
}

func (b *Broker) sendOne(c *call, header *remoting.SendMessageHeader, config topic) {
	m := b.newMessage(c, header, remoting.DecodeProperties(header.Properties))
	m.Body = c.request.Body
	maps.DeleteFunc(m.Properties, func(name, value string) bool { return value == "" || name == propertyPopCheckpoint })
	m.Properties[propertyRegion] = region
	m.Properties[propertyTrace] = "true"
	m.Properties[propertyCluster] = clusterName
	if m.Properties[propertyUniqueKey] == "" {
		m.Properties[propertyUniqueKey] = newUniqueKey()
	}
	if _, ok := delayLevel(m.Properties); !ok {
		c.fail(remoting.SystemError, fmt.Sprintf("java.lang.NumberFormatException: For input string: %q", m.Properties[propertyDelay]))
		return
	}
	if r, ok := b.redirectToDeadLetters(c, header, m); !ok {
		b.refuseSend(c, r)
		return
	}
	put := b.put
	if isHalf(m) {
		put = b.putHalf
	}
	if r, ok := put(m); !ok {
		b.refuseSend(c, r)
		return
	}
	b.whenDurable(c, m, func(code int) {
		b.answerSend(c, code, remoting.SendMessageResponse{
			MsgID: m.OffsetMsgID(), QueueID: header.QueueID, QueueOffset: m.QueueOffset, TransactionID: m.UniqueKey(),
		})
	})
}

// newMessage makes what is stored of a request; without a body.
func (b *Broker) newMessage(c *call, header *remoting.SendMessageHeader, properties map[string]string) *stored {
	return &stored{Message: remoting.Message{
		Topic: header.Topic, QueueID: header.QueueID, SysFlag: header.SysFlag, Flag: header.Flag,
		BornTimestamp: header.BornTimestamp, BornHost: c.remote, StoreHost: b.server.address,
		ReconsumeTimes: header.ReconsumeTimes, Properties: properties,
	}}
}

// redirectToDeadLetters lets a message to a retry topic through, unless its attempts are used
// up or its group consumes in order: then it goes to the group's dead letters.
func (b *Broker) redirectToDeadLetters(c *call, header *remoting.SendMessageHeader, m *stored) (refusal, bool) {
	group, isRetry := strings.CutPrefix(m.Topic, retryPrefix)
	if !isRetry {
		return refusal{}, true
	}
	config, ok := b.groups.find(group)
	if !ok {
		return refusal{remoting.GroupNotExist, "subscription group not exist, " + group}, false
	}
	limit := config.RetryMaxTimes
	if _, short := c.request.Ext["l"]; short || c.request.Ext["maxReconsumeTimes"] != "" {
		limit = header.MaxReconsumeTimes
	}
	if m.ReconsumeTimes > limit || b.locks.held(group) {
		m.Properties[propertyDelay] = "-1"
		m.Topic, m.QueueID = b.topics.create(newTopic(deadPrefix+group, 1)).name, 0
	}
	return refusal{}, true
}

// sendBatch stores the messages of a batch, all or none, next to each other in one queue.
func (b *Broker) sendBatch(c *call, header *remoting.SendMessageHeader, config topic) {
	outer := remoting.DecodeProperties(header.Properties)
	if r, ok := b.checkBatch(header, outer); !ok {
		b.refuseSend(c, r)
		return
	}
	if len(c.request.Body) > b.config.int(keyMaxMessageSize) {
		c.fail(remoting.SystemError, "java.lang.RuntimeException: message body size exceeded")
		return
	}
	entries, err := remoting.DecodeBatch(c.request.Body)
	if err != nil {
		c.fail(remoting.SystemError, "java.nio.BufferUnderflowException: "+err.Error())
		return
	}
	messages := make([]*stored, len(entries))
	for i, entry := range entries {
		m := b.newMessage(c, header, remoting.DecodeProperties(entry.Properties))
		m.Flag, m.Body = entry.Flag, entry.Body
		m.tagsCode = tagsCode(m.Properties)
		messages[i] = m
	}
	b.store.append(messages...)

	last := &stored{Message: remoting.Message{Properties: outer}, end: messages[len(messages)-1].end}
	b.whenDurable(c, last, func(code int) {
		b.answerSend(c, code, remoting.SendMessageResponse{
			MsgID: offsetIDs(messages), QueueID: header.QueueID, QueueOffset: messages[0].QueueOffset,
			TransactionID: outer[propertyUniqueKey],
		})
	})
}

func (b *Broker) checkBatch(header *remoting.SendMessageHeader, outer map[string]string) (refusal, bool) {
	level, _ := delayLevel(outer)
	switch {
	case strings.HasPrefix(header.Topic, retryPrefix):
		return refusal{remoting.MessageIllegal, "batch request does not support retry group " + header.Topic}, false
	case level > 0, header.SysFlag&remoting.FlagTransactionMask != 0:
		return b.illegal(), false
	default:
		return refusal{}, true
	}
}

func offsetIDs(messages []*stored) string {
	var ids strings.Builder
	for i, m := range messages {
		if i > 0 {
			ids.WriteByte(',')
		}
		ids.WriteString(m.OffsetMsgID())
	}
	return ids.String()
}

// put stores one message, or sets it aside until its delay is over.
func (b *Broker) put(m *stored) (refusal, bool) {
	if len(m.Topic) > maxTopicLength && !strings.HasPrefix(m.Topic, retryPrefix) {
		return b.illegal(), false
	}
	delayed, r, ok := b.setAside(m)
	if !ok {
		return r, false
	}
	if len(m.Body) > b.config.int(keyMaxMessageSize) || propertiesSize(m.Properties) > maxProperties {
		return b.illegal(), false
	}
	m.tagsCode = tagsCode(m.Properties)
	b.store.append(m)
	if delayed {
		b.delays.add(m)
	}
	return refusal{}, true
}

func (b *Broker) illegal() refusal {
	return refusal{remoting.MessageIllegal, fmt.Sprintf(
		"the message is illegal, maybe msg body or properties length not matched. msg body length limit %dB, msg properties length limit 32KB.",
		b.config.int(keyMaxMessageSize))}
}

func (b *Broker) answerSend(c *call, code int, where remoting.SendMessageResponse) {
	response := c.response(code, "")
	response.Ext = remoting.EncodeHeader(where)
	c.answer(withRegion(response))
}

func (b *Broker) refuseSend(c *call, r refusal) { c.answer(withRegion(c.response(r.code, r.remark))) }

func withRegion(response *remoting.Command) *remoting.Command {
	response.Ext[propertyRegion] = region
	response.Ext[propertyTrace] = "true"
	return response
}

// newUniqueKey makes an id for a message that came without one, in the form of Java's.
func newUniqueKey() string { return fmt.Sprintf("%016X%016X", rand.Uint64(), rand.Uint64()) }
