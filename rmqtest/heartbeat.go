package rmqtest

import (
	"encoding/json"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

type heartbeatData struct {
	ClientID  string         `json:"clientID"`
	Producers []producerData `json:"producerDataSet"`
	Consumers []consumerData `json:"consumerDataSet"`
}

type producerData struct {
	Group string `json:"groupName"`
}

type consumerData struct {
	Group         string             `json:"groupName"`
	Type          string             `json:"consumeType"`
	Model         string             `json:"messageModel"`
	FromWhere     string             `json:"consumeFromWhere"`
	Subscriptions []subscriptionData `json:"subscriptionDataSet"`
}

// subscriptionData leaves out the tags and their codes, which are in the expression.
type subscriptionData struct {
	Topic          string `json:"topic"`
	Expression     string `json:"subString"`
	ExpressionType string `json:"expressionType"`
	Version        int64  `json:"subVersion"`
}

// heartbeat answers HEART_BEAT: it makes the client a member of its groups, and makes the
// retry topics of those that consume. Groups that are unknown and may not be created are
// passed over without a word.
func (b *Broker) heartbeat(c *call) {
	var data heartbeatData
	if err := remoting.UnmarshalFastjson(c.request.Body, &data); err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	who := member{data.ClientID, c.request.Language, c.request.Version}
	for _, consumer := range data.Consumers {
		config, ok := b.groups.find(consumer.Group)
		if !ok {
			continue
		}
		b.topics.create(newTopic(retryPrefix+consumer.Group, config.RetryQueues))
		b.notifyMembers(consumer.Group, b.members.addConsumer(c.session, who, consumer))
	}
	for _, producer := range data.Producers {
		b.members.addProducer(c.session, who, producer.Group)
	}
	c.ok(nil)
}

// unregister answers UNREGISTER_CLIENT.
func (b *Broker) unregister(c *call) {
	var header remoting.UnregisterClientHeader
	if !c.decode(&header) {
		return
	}
	if header.ProducerGroup != "" {
		b.members.removeProducer(c.session, header.ProducerGroup)
	}
	if header.ConsumerGroup != "" {
		b.notifyMembers(header.ConsumerGroup, b.members.removeConsumer(c.session, header.ConsumerGroup))
	}
	c.ok(nil)
}

// disconnected takes a connection that ended out of its groups.
func (b *Broker) disconnected(s *session) {
	consumers, producers := b.members.groupsOf(s)
	for _, group := range producers {
		b.members.removeProducer(s, group)
	}
	for _, group := range consumers {
		b.notifyMembers(group, b.members.removeConsumer(s, group))
	}
}

// notifyMembers tells members that their group changed, so that they share the queues anew.
func (b *Broker) notifyMembers(group string, members []*session) {
	if config, ok := b.groups.get(group); !ok || !config.Notify {
		return
	}
	for _, s := range members {
		s.notify(remoting.NewRequest(remoting.NotifyConsumerIDs, remoting.ConsumerGroupHeader{ConsumerGroup: group}, nil))
	}
}

// consumerList answers GET_CONSUMER_LIST_BY_GROUP.
func (b *Broker) consumerList(c *call) {
	var header remoting.ConsumerGroupHeader
	if !c.decode(&header) {
		return
	}
	ids := b.members.clientIDs(header.ConsumerGroup)
	if len(ids) == 0 {
		c.fail(remoting.SystemError, "no consumer for this group, "+header.ConsumerGroup)
		return
	}
	body, _ := json.Marshal(map[string][]string{"consumerIdList": ids}) // strings always encode
	c.okBody(nil, body)
}
