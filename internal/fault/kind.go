package fault

import "github.com/holdfast-mq/holdfast/internal/remoting"

// Kind is a sort of request: a request code of RocketMQ's, where one kind covers all variants
// of a request. Kinds that are not named here are Kind(code).
type Kind int

// Kinds by what the official clients call them.
const (
	Any                 Kind = -1                   // every request
	Send                Kind = remoting.SendMessage // SEND_MESSAGE, SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE
	Pull                Kind = remoting.PullMessage
	Query               Kind = remoting.QueryMessage // by unique key and by key
	ConsumerOffset      Kind = remoting.QueryConsumerOffset
	UpdateOffset        Kind = remoting.UpdateConsumerOffset
	CreateTopic         Kind = remoting.UpdateAndCreateTopic
	UpdateConfig        Kind = remoting.UpdateBrokerConfig
	BrokerConfig        Kind = remoting.GetBrokerConfig
	RuntimeInfo         Kind = remoting.GetBrokerRuntimeInfo
	SearchOffset        Kind = remoting.SearchOffsetByTimestamp
	MaxOffset           Kind = remoting.GetMaxOffset
	MinOffset           Kind = remoting.GetMinOffset
	ViewMessage         Kind = remoting.ViewMessageByID
	Heartbeat           Kind = remoting.HeartBeat
	Unregister          Kind = remoting.UnregisterClient
	SendBack            Kind = remoting.ConsumerSendMsgBack
	EndTransaction      Kind = remoting.EndTransaction
	ConsumerList        Kind = remoting.GetConsumerListByGroup
	Lock                Kind = remoting.LockBatchMQ
	Unlock              Kind = remoting.UnlockBatchMQ
	Route               Kind = remoting.GetRouteInfoByTopic
	ClusterInfo         Kind = remoting.GetBrokerClusterInfo
	TopicStats          Kind = remoting.GetTopicStatsInfo
	ConsumerConnections Kind = remoting.GetConsumerConnections
	ProducerConnections Kind = remoting.GetProducerConnections
	ConsumeStats        Kind = remoting.GetConsumeStats
	TopicConfig         Kind = remoting.GetTopicConfig
	HAStatus            Kind = remoting.GetBrokerHAStatus
)

// KindOf returns the kind that covers a request code.
func KindOf(code int) Kind {
	switch code {
	case remoting.SendMessageV2, remoting.SendBatchMessage:
		return Send
	default:
		return Kind(code)
	}
}

func (k Kind) covers(other Kind) bool { return k == Any || k == other }
