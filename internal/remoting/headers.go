package remoting

// The request and response headers that the project uses; field names follow RocketMQ's
// header classes.

// SendMessageHeader is that of SEND_MESSAGE (long names), SEND_MESSAGE_V2 and
// SEND_BATCH_MESSAGE (short names).
type SendMessageHeader struct {
	ProducerGroup         string `rmq:"producerGroup" short:"a"`
	Topic                 string `rmq:"topic" short:"b"`
	DefaultTopic          string `rmq:"defaultTopic" short:"c"`
	DefaultTopicQueueNums int    `rmq:"defaultTopicQueueNums" short:"d"`
	QueueID               int    `rmq:"queueId" short:"e"`
	SysFlag               int    `rmq:"sysFlag" short:"f"`
	BornTimestamp         int64  `rmq:"bornTimestamp" short:"g"` // milliseconds since 1970
	Flag                  int32  `rmq:"flag" short:"h"`
	Properties            string `rmq:"properties" short:"i"` // EncodeProperties
	ReconsumeTimes        int    `rmq:"reconsumeTimes" short:"j"`
	UnitMode              bool   `rmq:"unitMode" short:"k"`
	MaxReconsumeTimes     int    `rmq:"maxReconsumeTimes" short:"l"`
	Batch                 bool   `rmq:"batch" short:"m"`
}

// SendMessageResponse says where a message was stored; a batch has its ids separated by
// commas and the queue offset of its first message.
type SendMessageResponse struct {
	MsgID         string `rmq:"msgId"`
	QueueID       int    `rmq:"queueId"`
	QueueOffset   int64  `rmq:"queueOffset"`
	TransactionID string `rmq:"transactionId,omitempty"`
}

// PullMessageHeader is that of PULL_MESSAGE.
type PullMessageHeader struct {
	ConsumerGroup        string `rmq:"consumerGroup"`
	Topic                string `rmq:"topic"`
	QueueID              int    `rmq:"queueId"`
	QueueOffset          int64  `rmq:"queueOffset"`
	MaxMsgNums           int    `rmq:"maxMsgNums"`
	SysFlag              int    `rmq:"sysFlag"`
	CommitOffset         int64  `rmq:"commitOffset"`
	SuspendTimeoutMillis int64  `rmq:"suspendTimeoutMillis"`
	Subscription         string `rmq:"subscription"`
	SubVersion           int64  `rmq:"subVersion"`
	ExpressionType       string `rmq:"expressionType,omitempty"`
}

// PullMessageResponse says where to go on; the messages are in the body.
type PullMessageResponse struct {
	SuggestWhichBrokerID int64 `rmq:"suggestWhichBrokerId"`
	NextBeginOffset      int64 `rmq:"nextBeginOffset"`
	MinOffset            int64 `rmq:"minOffset"`
	MaxOffset            int64 `rmq:"maxOffset"`
}

// QueryMessageHeader is that of QUERY_MESSAGE. With UniqueKeyQuery the key is a UNIQ_KEY.
type QueryMessageHeader struct {
	Topic          string `rmq:"topic"`
	Key            string `rmq:"key"`
	MaxNum         int    `rmq:"maxNum"`
	BeginTimestamp int64  `rmq:"beginTimestamp"`
	EndTimestamp   int64  `rmq:"endTimestamp"`
	UniqueKeyQuery bool   `rmq:"_UNIQUE_KEY_QUERY,omitempty"`
}

// QueryConsumerOffsetHeader is that of QUERY_CONSUMER_OFFSET; the answer is an OffsetResponse.
type QueryConsumerOffsetHeader struct {
	ConsumerGroup string `rmq:"consumerGroup"`
	Topic         string `rmq:"topic"`
	QueueID       int    `rmq:"queueId"`
}

// UpdateConsumerOffsetHeader is that of UPDATE_CONSUMER_OFFSET.
type UpdateConsumerOffsetHeader struct {
	ConsumerGroup string `rmq:"consumerGroup"`
	Topic         string `rmq:"topic"`
	QueueID       int    `rmq:"queueId"`
	CommitOffset  int64  `rmq:"commitOffset"`
}

// OffsetHeader is that of GET_MAX_OFFSET, GET_MIN_OFFSET and SEARCH_OFFSET_BY_TIMESTAMP.
type OffsetHeader struct {
	Topic     string `rmq:"topic"`
	QueueID   int    `rmq:"queueId"`
	Timestamp int64  `rmq:"timestamp,omitempty"`
}

// OffsetResponse is the answer to every request for one offset.
type OffsetResponse struct {
	Offset int64 `rmq:"offset"`
}

// CreateTopicHeader is that of UPDATE_AND_CREATE_TOPIC.
type CreateTopicHeader struct {
	Topic           string `rmq:"topic"`
	DefaultTopic    string `rmq:"defaultTopic"`
	ReadQueueNums   int    `rmq:"readQueueNums"`
	WriteQueueNums  int    `rmq:"writeQueueNums"`
	Perm            int    `rmq:"perm"`
	TopicFilterType string `rmq:"topicFilterType"`
	TopicSysFlag    int    `rmq:"topicSysFlag"`
	Order           bool   `rmq:"order"`
}

// ViewMessageHeader is that of VIEW_MESSAGE_BY_ID; Offset is a commit-log offset.
type ViewMessageHeader struct {
	Offset int64 `rmq:"offset"`
}

// UnregisterClientHeader is that of UNREGISTER_CLIENT.
type UnregisterClientHeader struct {
	ClientID      string `rmq:"clientID"`
	ProducerGroup string `rmq:"producerGroup,omitempty"`
	ConsumerGroup string `rmq:"consumerGroup,omitempty"`
}

// SendBackHeader is that of CONSUMER_SEND_MSG_BACK. DelayLevel 0 means by the number of
// attempts, below 0 the dead letters at once.
type SendBackHeader struct {
	Group             string `rmq:"group"`
	Offset            int64  `rmq:"offset"` // commit-log offset of the original
	DelayLevel        int    `rmq:"delayLevel"`
	OriginMsgID       string `rmq:"originMsgId,omitempty"`
	OriginTopic       string `rmq:"originTopic,omitempty"`
	UnitMode          bool   `rmq:"unitMode"`
	MaxReconsumeTimes int    `rmq:"maxReconsumeTimes"`
}

// ConsumerGroupHeader is that of the requests that ask about one consumer group.
type ConsumerGroupHeader struct {
	ConsumerGroup string `rmq:"consumerGroup"`
	Topic         string `rmq:"topic,omitempty"`
}

// ProducerGroupHeader is that of GET_PRODUCER_CONNECTION_LIST.
type ProducerGroupHeader struct {
	ProducerGroup string `rmq:"producerGroup"`
}

// TopicHeader is that of the requests that ask about one topic.
type TopicHeader struct {
	Topic string `rmq:"topic"`
}

// GroupNameHeader is that of DELETE_SUBSCRIPTIONGROUP.
type GroupNameHeader struct {
	GroupName string `rmq:"groupName"`
}
