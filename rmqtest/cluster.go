package rmqtest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-mq/holdfast"
)

// TB is what New needs of a test; *testing.T, *testing.B and *testing.F have it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Cluster is a name server and its brokers. Its methods are safe for concurrent use.
type Cluster struct {
	options    options
	script     script
	nameServer *NameServer
	brokers    []*Broker
}

// New starts a cluster that is closed when the test ends. What cannot be started fails the
// test.
func New(tb TB, opts ...Option) *Cluster {
	tb.Helper()
	c, err := Start(opts...)
	if err != nil {
		tb.Fatalf("%v", err)
	}
	tb.Cleanup(c.Close)
	return c
}

// Start starts a cluster outside of tests; Close it. The error names every option that is
// wrong, or the port that could not be had.
func Start(opts ...Option) (*Cluster, error) {
	o := defaultOptions()
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.validate(); err != nil {
		return nil, err
	}
	c := &Cluster{options: o}
	c.nameServer = newNameServer(c)
	for _, name := range o.brokers {
		c.brokers = append(c.brokers, newBroker(name, &c.script, o))
	}
	if err := c.start(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) start() error {
	for _, b := range c.brokers {
		if err := b.start(); err != nil {
			return err
		}
	}
	return c.nameServer.server.start()
}

// Close stops everything and returns when no listener, connection or goroutine of the cluster
// is left. A function given to Intercept that does not return holds it up. Closing twice does
// nothing. What was stored can still be looked at.
func (c *Cluster) Close() {
	for _, b := range c.brokers {
		b.Stop()
	}
	c.nameServer.Stop()
}

// Holdfast says how to reach the cluster, with credentials if it has them.
func (c *Cluster) Holdfast() holdfast.Cluster {
	return holdfast.Cluster{
		NameServers: []string{c.nameServer.Addr()},
		AccessKey:   c.options.accessKey,
		SecretKey:   c.options.secretKey,
	}
}

// NameServer is the cluster's one name server.
func (c *Cluster) NameServer() *NameServer { return c.nameServer }

// Brokers are all brokers, in the order of their names in WithBrokers.
func (c *Cluster) Brokers() []*Broker { return slices.Clone(c.brokers) }

// Broker is the broker of that name, nil if there is none.
func (c *Cluster) Broker(name string) *Broker {
	for _, b := range c.brokers {
		if b.name == name {
			return b
		}
	}
	return nil
}

// CreateTopic creates a topic with that many queues on every broker, running or not, or
// changes the number of its queues. Messages in queues that are gone stay stored.
func (c *Cluster) CreateTopic(topic string, queues int) {
	for _, b := range c.brokers {
		b.topics.put(newTopic(topic, queues))
	}
}

// CreateGroup creates a consumer group and its retry topic on every broker. What exists is
// left alone. It is needed with WithoutAutoCreateGroups; without, it makes an official
// consumer of the group find the retry topic at its start, where otherwise its own first
// heartbeat creates that topic and its next route refresh, up to 30 s later, finds it.
func (c *Cluster) CreateGroup(group string) {
	for _, b := range c.brokers {
		config := newGroup(group)
		if _, ok := b.groups.get(group); !ok {
			b.groups.put(config)
		}
		b.topics.create(newTopic(retryPrefix+group, config.RetryQueues))
	}
}

// Message is a message as a broker has stored it.
type Message struct {
	Broker          string
	Topic           string
	QueueID         int
	QueueOffset     int64
	CommitLogOffset int64
	OffsetMsgID     string
	Body            []byte // decompressed where that can be done
	Properties      map[string]string
	Tags            string
	Keys            string
	UniqueKey       string
	ReconsumeTimes  int
	BornTime        time.Time // as the sender said
	StoreTime       time.Time
}

// Messages are those stored under a topic now, in the order of broker, queue and offset: the
// truth, whoever else may be shown it. System topics can be looked at too; a message with a
// delay is in SCHEDULE_TOPIC_XXXX until it is due, a half message in RMQ_SYS_TRANS_HALF_TOPIC.
func (c *Cluster) Messages(topic string) []Message {
	var messages []Message
	for _, b := range c.brokers {
		b.store.each(topic, func(m *stored) { messages = append(messages, b.message(m)) })
	}
	slices.SortStableFunc(messages, func(a, b Message) int {
		if order := strings.Compare(a.Broker, b.Broker); order != 0 {
			return order
		}
		if order := a.QueueID - b.QueueID; order != 0 {
			return order
		}
		return int(a.QueueOffset - b.QueueOffset)
	})
	return messages
}

func (b *Broker) message(m *stored) Message {
	body, err := m.Payload()
	if err != nil {
		body = m.Body
	}
	return Message{
		Broker: b.name, Topic: m.Topic, QueueID: m.QueueID, QueueOffset: m.QueueOffset,
		CommitLogOffset: m.CommitLogOffset, OffsetMsgID: m.OffsetMsgID(),
		Body: slices.Clone(body), Properties: maps.Clone(m.Properties),
		Tags: m.Properties[propertyTags], Keys: m.Properties[propertyKeys], UniqueKey: m.UniqueKey(),
		ReconsumeTimes: m.ReconsumeTimes, BornTime: time.UnixMilli(m.BornTimestamp), StoreTime: time.UnixMilli(m.StoreTimestamp),
	}
}
