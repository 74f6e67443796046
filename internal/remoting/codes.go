package remoting

// Request codes, as in RocketMQ's RequestCode.
const (
	SendMessage             = 10
	PullMessage             = 11
	QueryMessage            = 12
	QueryConsumerOffset     = 14
	UpdateConsumerOffset    = 15
	UpdateAndCreateTopic    = 17
	UpdateBrokerConfig      = 25
	GetBrokerConfig         = 26
	GetBrokerRuntimeInfo    = 28
	SearchOffsetByTimestamp = 29
	GetMaxOffset            = 30
	GetMinOffset            = 31
	ViewMessageByID         = 33
	HeartBeat               = 34
	UnregisterClient        = 35
	ConsumerSendMsgBack     = 36
	EndTransaction          = 37
	GetConsumerListByGroup  = 38
	CheckTransactionState   = 39
	NotifyConsumerIDs       = 40
	LockBatchMQ             = 41
	UnlockBatchMQ           = 42
	RegisterBroker          = 103
	GetRouteInfoByTopic     = 105
	GetBrokerClusterInfo    = 106
	CreateSubscriptionGroup = 200
	GetAllSubscriptionGroup = 201
	GetTopicStatsInfo       = 202
	GetConsumerConnections  = 203
	GetProducerConnections  = 204
	GetAllTopicList         = 206
	DeleteSubscriptionGroup = 207
	GetConsumeStats         = 208
	DeleteTopicInBroker     = 215
	DeleteTopicInNameServer = 216
	SendMessageV2           = 310
	SendBatchMessage        = 320
	SendReplyMessage        = 324
	PushReplyMessage        = 326
	GetTopicConfig          = 351
	GetBrokerHAStatus       = 907
)

// Response codes, as in RocketMQ's ResponseCode.
const (
	Success              = 0
	SystemError          = 1
	SystemBusy           = 2
	RequestCodeNotKnown  = 3
	FlushDiskTimeout     = 10
	SlaveNotAvailable    = 11
	FlushSlaveTimeout    = 12
	MessageIllegal       = 13
	ServiceNotAvailable  = 14
	NoPermission         = 16
	TopicNotExist        = 17
	PullNotFound         = 19
	PullRetryImmediately = 20
	PullOffsetMoved      = 21
	QueryNotFound        = 22
	SubscriptionNotExist = 24
	GroupNotExist        = 26
	ConsumerNotOnline    = 206
	FlowControl          = 215
)

// System flags of a stored message, as in RocketMQ's MessageSysFlag.
const (
	FlagCompressed       = 1 << 0
	FlagMultiTags        = 1 << 1
	FlagTransactionMask  = 3 << 2
	FlagPrepared         = 1 << 2
	FlagCommitted        = 2 << 2
	FlagBornHostV6       = 1 << 4
	FlagStoreHostV6      = 1 << 5
	flagCompressionMask  = 7 << 8
	flagCompressionShift = 8
)

// System flags of a pull, as in RocketMQ's PullSysFlag.
const (
	PullCommitOffset = 1 << 0
	PullSuspend      = 1 << 1
	PullSubscription = 1 << 2
)

// Permissions of a topic or broker, as in RocketMQ's PermName.
const (
	PermWrite = 1 << 1
	PermRead  = 1 << 2
)

// MasterID is the broker id of a master in a route.
const MasterID = "0"
