package remoting

import (
	"encoding/json"
	"slices"
	"strings"
)

// Bodies of answers; field names follow RocketMQ's body classes.

// Route says which brokers have which queues of a topic.
type Route struct {
	OrderTopicConf string       `json:"orderTopicConf,omitempty"`
	Brokers        []BrokerData `json:"brokerDatas"`
	Queues         []QueueData  `json:"queueDatas"`
}

// BrokerData is one broker set: the addresses of its master (id 0) and slaves.
type BrokerData struct {
	Cluster   string            `json:"cluster"`
	Name      string            `json:"brokerName"`
	Addresses map[string]string `json:"brokerAddrs"` // by broker id
}

// QueueData is how many queues of a topic a broker has.
type QueueData struct {
	Broker         string `json:"brokerName"`
	ReadQueueNums  int    `json:"readQueueNums"`
	WriteQueueNums int    `json:"writeQueueNums"`
	Perm           int    `json:"perm"`
	TopicSysFlag   int    `json:"topicSysFlag"`
}

// Master is the address of the named broker's master, empty where the route has none.
func (r *Route) Master(broker string) string {
	for _, b := range r.Brokers {
		if b.Name == broker {
			return b.Addresses[MasterID]
		}
	}
	return ""
}

// WriteQueues are the queues that messages can be sent to, sorted by broker and id.
func (r *Route) WriteQueues(topic string) []Queue {
	return r.queues(topic, PermWrite, func(q QueueData) int { return q.WriteQueueNums })
}

// ReadQueues are the queues that messages can be pulled from, sorted by broker and id.
func (r *Route) ReadQueues(topic string) []Queue {
	return r.queues(topic, PermRead, func(q QueueData) int { return q.ReadQueueNums })
}

func (r *Route) queues(topic string, perm int, count func(QueueData) int) []Queue {
	var queues []Queue
	for _, q := range r.Queues {
		if q.Perm&perm == 0 || r.Master(q.Broker) == "" {
			continue
		}
		for id := range count(q) {
			queues = append(queues, Queue{Topic: topic, Broker: q.Broker, ID: id})
		}
	}
	slices.SortFunc(queues, Queue.Compare)
	return queues
}

// Queue names one queue. As the key of a JSON map it is an object in a string.
type Queue struct {
	Topic  string `json:"topic"`
	Broker string `json:"brokerName"`
	ID     int    `json:"queueId"`
}

// Compare sorts by topic, broker and id.
func (q Queue) Compare(o Queue) int {
	if c := strings.Compare(q.Topic, o.Topic); c != 0 {
		return c
	}
	if c := strings.Compare(q.Broker, o.Broker); c != 0 {
		return c
	}
	return q.ID - o.ID
}

// plainQueue is Queue without its text form.
type plainQueue Queue

// MarshalText writes the queue as a JSON object, for map keys.
func (q Queue) MarshalText() ([]byte, error) { return json.Marshal(plainQueue(q)) }

// UnmarshalText reads a JSON object, bare keys included.
func (q *Queue) UnmarshalText(b []byte) error { return UnmarshalFastjson(b, (*plainQueue)(q)) }

// MarshalJSON writes the queue as an object where it is a value.
func (q Queue) MarshalJSON() ([]byte, error) { return json.Marshal(plainQueue(q)) }

// UnmarshalJSON reads an object, or an object in a string: encoding/json asks it for map keys
// too, rather than UnmarshalText.
func (q *Queue) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '"' {
		return json.Unmarshal(b, (*plainQueue)(q))
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	return q.UnmarshalText([]byte(text))
}

// ClusterInfo is the brokers of all clusters that a name server knows.
type ClusterInfo struct {
	Brokers  map[string]BrokerData `json:"brokerAddrTable"`  // by broker name
	Clusters map[string][]string   `json:"clusterAddrTable"` // broker names by cluster
}

// RuntimeInfo is a broker's figures, all as text.
type RuntimeInfo struct {
	Table map[string]string `json:"table"`
}

// HAStatus is a master's view of its slaves (5.x).
type HAStatus struct {
	Master                   bool           `json:"master"`
	MasterCommitLogMaxOffset int64          `json:"masterCommitLogMaxOffset"`
	InSyncSlaveNums          int            `json:"inSyncSlaveNums"`
	Connections              []HAConnection `json:"haConnectionInfo"`
}

// HAConnection is one slave of a master.
type HAConnection struct {
	Address                 string `json:"addr"`
	SlaveAckOffset          int64  `json:"slaveAckOffset"`
	Diff                    int64  `json:"diff"`
	InSync                  bool   `json:"inSync"`
	TransferredByteInSecond int64  `json:"transferredByteInSecond"`
	TransferFromWhere       int64  `json:"transferFromWhere"`
}

// TopicStats is the range of offsets of each queue of a topic on one broker.
type TopicStats struct {
	Offsets map[Queue]TopicOffset `json:"offsetTable"`
}

// TopicOffset is the range [Min, Max) of one queue.
type TopicOffset struct {
	Min                 int64 `json:"minOffset"`
	Max                 int64 `json:"maxOffset"`
	LastUpdateTimestamp int64 `json:"lastUpdateTimestamp"`
}

// ConsumeStats is how far a group is in each queue on one broker.
type ConsumeStats struct {
	Offsets map[Queue]ConsumeOffset `json:"offsetTable"`
}

// ConsumeOffset compares what is stored with what the group has committed and pulled.
type ConsumeOffset struct {
	Broker        int64 `json:"brokerOffset"`
	Consumer      int64 `json:"consumerOffset"`
	Pull          int64 `json:"pullOffset"`
	LastTimestamp int64 `json:"lastTimestamp"`
}

// Connection is one client of a group.
type Connection struct {
	ClientID      string `json:"clientId"`
	ClientAddress string `json:"clientAddr"`
	Language      string `json:"language"`
	Version       int    `json:"version"`
}

// ProducerConnections is the clients of a producer group on one broker.
type ProducerConnections struct {
	Connections []Connection `json:"connectionSet"`
}

// ConsumerConnections is the clients of a consumer group on one broker, with the
// subscription that the broker holds for the group.
type ConsumerConnections struct {
	Connections      []Connection            `json:"connectionSet"`
	Subscriptions    map[string]Subscription `json:"subscriptionTable"` // by topic
	ConsumeType      string                  `json:"consumeType"`
	MessageModel     string                  `json:"messageModel"`
	ConsumeFromWhere string                  `json:"consumeFromWhere"`
}

// Subscription is what a group takes of a topic.
type Subscription struct {
	Topic          string   `json:"topic"`
	SubString      string   `json:"subString"`
	Tags           []string `json:"tagsSet"`
	Codes          []int32  `json:"codeSet"`
	SubVersion     int64    `json:"subVersion"`
	ExpressionType string   `json:"expressionType"`
}

// TopicConfig is a broker's configuration of a topic (5.x).
type TopicConfig struct {
	Name           string `json:"topicName"`
	ReadQueueNums  int    `json:"readQueueNums"`
	WriteQueueNums int    `json:"writeQueueNums"`
	Perm           int    `json:"perm"`
	FilterType     string `json:"topicFilterType"`
	SysFlag        int    `json:"topicSysFlag"`
	Order          bool   `json:"order"`
}
