package rmqtest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// brokerVersion is the version that brokers say they are, and its number in every answer.
const (
	brokerVersion       = "V5_4_0"
	brokerVersionNumber = 493
)

// createTopic answers UPDATE_AND_CREATE_TOPIC.
func (b *Broker) createTopic(c *call) {
	var header remoting.CreateTopicHeader
	if !c.decode(&header) {
		return
	}
	if complaint := checkName(header.Topic); complaint != "" {
		c.fail(invalidParameter, complaint)
		return
	}
	if old, ok := b.topics.get(header.Topic); ok && old.system {
		c.fail(invalidParameter, "The topic["+header.Topic+"] is conflict with system topic.")
		return
	}
	b.topics.put(topic{
		name: header.Topic, readQueues: header.ReadQueueNums, writeQueues: header.WriteQueueNums,
		perm: header.Perm, sysFlag: header.TopicSysFlag, order: header.Order, filterType: header.TopicFilterType,
	})
	c.ok(nil)
}

// deleteTopic answers DELETE_TOPIC_IN_BROKER.
func (b *Broker) deleteTopic(c *call) {
	var header remoting.TopicHeader
	if !c.decode(&header) {
		return
	}
	if old, ok := b.topics.get(header.Topic); ok && old.system {
		c.fail(invalidParameter, "The topic["+header.Topic+"] is conflict with system topic.")
		return
	}
	b.topics.remove(header.Topic)
	b.store.remove(header.Topic)
	b.offsets.remove(func(key offsetKey) bool { return key.topic == header.Topic })
	c.ok(nil)
}

// topicConfig answers GET_TOPIC_CONFIG.
func (b *Broker) topicConfig(c *call) {
	var header remoting.TopicHeader
	if !c.decode(&header) {
		return
	}
	t, ok := b.topics.get(header.Topic)
	if !ok {
		c.fail(remoting.TopicNotExist, "No topic in this broker. topic: "+header.Topic)
		return
	}
	c.answerJSON(remoting.TopicConfig{
		Name: t.name, ReadQueueNums: t.readQueues, WriteQueueNums: t.writeQueues, Perm: t.perm,
		FilterType: t.filterType, SysFlag: t.sysFlag, Order: t.order,
	})
}

// topicStats answers GET_TOPIC_STATS_INFO.
func (b *Broker) topicStats(c *call) {
	var header remoting.TopicHeader
	if !c.decode(&header) {
		return
	}
	t, ok := b.topics.get(header.Topic)
	if !ok {
		c.fail(remoting.TopicNotExist, "topic["+header.Topic+"] not exist")
		return
	}
	offsets := map[remoting.Queue]remoting.TopicOffset{}
	for id := range t.queues() {
		end := b.store.endOf(t.name, id)
		offsets[remoting.Queue{Topic: t.name, Broker: b.name, ID: id}] = remoting.TopicOffset{
			Max: end, LastUpdateTimestamp: b.store.storeTime(t.name, id, end-1),
		}
	}
	c.answerBody(offsetTableBody(offsets, "topicPutTps"))
}

// consumeStats answers GET_CONSUME_STATS; without a topic for all that the group consumed.
func (b *Broker) consumeStats(c *call) {
	var header remoting.ConsumerGroupHeader
	if !c.decode(&header) {
		return
	}
	topics := []string{header.Topic}
	if header.Topic == "" {
		topics = slices.Sorted(maps.Keys(b.offsets.topicsOf(header.ConsumerGroup)))
	}
	offsets := map[remoting.Queue]remoting.ConsumeOffset{}
	for _, name := range topics {
		t, _ := b.topics.get(name)
		for id := range t.readQueues {
			consumed := max(0, b.offsets.get(header.ConsumerGroup, name, id))
			offsets[remoting.Queue{Topic: name, Broker: b.name, ID: id}] = remoting.ConsumeOffset{
				Broker: b.store.endOf(name, id), Consumer: consumed,
				Pull:          max(consumed, b.offsets.pulledUpTo(header.ConsumerGroup, name, id)),
				LastTimestamp: b.store.storeTime(name, id, consumed-1),
			}
		}
	}
	c.answerBody(offsetTableBody(offsets, "consumeTps"))
}

// consumerConnections answers GET_CONSUMER_CONNECTION_LIST.
func (b *Broker) consumerConnections(c *call) {
	var header remoting.ConsumerGroupHeader
	if !c.decode(&header) {
		return
	}
	body := b.members.consumerConnections(header.ConsumerGroup)
	if body == nil {
		c.fail(remoting.ConsumerNotOnline, "the consumer group["+header.ConsumerGroup+"] not online")
		return
	}
	c.answerJSON(body)
}

// producerConnections answers GET_PRODUCER_CONNECTION_LIST.
func (b *Broker) producerConnections(c *call) {
	var header remoting.ProducerGroupHeader
	if !c.decode(&header) {
		return
	}
	body := b.members.producerConnections(header.ProducerGroup)
	if body == nil {
		c.fail(remoting.SystemError, "the producer group["+header.ProducerGroup+"] not exist")
		return
	}
	c.answerJSON(body)
}

// haStatus answers GET_BROKER_HA_STATUS.
func (b *Broker) haStatus(c *call) {
	s := b.store
	s.mu.Lock()
	status := remoting.HAStatus{Master: true, MasterCommitLogMaxOffset: s.end, Connections: []remoting.HAConnection{}}
	if s.replicas > 1 && !s.slaveLost {
		status.InSyncSlaveNums = 1
		status.Connections = append(status.Connections, remoting.HAConnection{
			Address: "127.0.0.1:1", SlaveAckOffset: s.replicated, Diff: s.end - s.replicated, InSync: true, TransferFromWhere: s.replicated,
		})
	}
	s.mu.Unlock()
	c.answerJSON(status)
}

// runtimeInfo answers GET_BROKER_RUNTIME_INFO.
func (b *Broker) runtimeInfo(c *call) {
	end, flushed, count, earliest := b.store.size()
	c.answerJSON(remoting.RuntimeInfo{Table: map[string]string{
		"brokerVersionDesc":               brokerVersion,
		"brokerActive":                    "true",
		"bootTimestamp":                   strconv.FormatInt(b.booted.Load(), 10),
		"runtime":                         fmt.Sprint(time.Since(time.UnixMilli(b.booted.Load()))),
		"commitLogMinOffset":              "0",
		"commitLogMaxOffset":              strconv.FormatInt(end, 10),
		"commitLogDiskRatio":              "0.01",
		"consumeQueueDiskRatio":           "0.01",
		"dispatchBehindBytes":             "0", // queues are never behind the log
		"remainHowManyDataToFlush":        strconv.FormatInt(end-flushed, 10) + " B",
		"pageCacheLockTimeMills":          "0",
		"sendThreadPoolQueueSize":         "0",
		"pullThreadPoolQueueSize":         "0",
		"queryThreadPoolQueueSize":        "0",
		"EndTransactionQueueSize":         "0",
		"earliestMessageTimeStamp":        strconv.FormatInt(earliest, 10),
		"msgPutTotalTodayNow":             strconv.Itoa(count),
		"putMessageTimesTotal":            strconv.Itoa(count),
		"timerReadBehind":                 "0",
		"timerOffsetBehind":               "0",
		"timerCongestNum":                 "0",
		"startAcceptSendRequestTimeStamp": "0",
	}})
}
