package rmqtest

// Properties that brokers read or write, as in RocketMQ's MessageConst.
const (
	propertyUniqueKey     = "UNIQ_KEY"
	propertyKeys          = "KEYS"
	propertyTags          = "TAGS"
	propertyDelay         = "DELAY"
	propertyWait          = "WAIT"
	propertyCluster       = "CLUSTER"
	propertyRegion        = "MSG_REGION"
	propertyTrace         = "TRACE_ON"
	propertyRealTopic     = "REAL_TOPIC"
	propertyRealQueue     = "REAL_QID"
	propertyRetryTopic    = "RETRY_TOPIC"
	propertyOriginID      = "ORIGIN_MESSAGE_ID"
	propertyPrepared      = "TRAN_MSG"
	propertyTransactionID = "__transactionId__"
	propertyDeliverAt     = "TIMER_DELIVER_MS"
	propertyDelaySeconds  = "TIMER_DELAY_SEC"
	propertyDelayMillis   = "TIMER_DELAY_MS"
	propertyTimerOut      = "TIMER_OUT_MS"
	propertyTimerIn       = "TIMER_ENQUEUE_MS"
	propertyTimerGone     = "TIMER_DEQUEUE_MS"
	propertyPopCheckpoint = "POP_CK"
	propertyReplyTo       = "REPLY_TO_CLIENT"
	propertyPushReplyTime = "PUSH_REPLY_TIME"

	region = "DefaultRegion"
)

// maxProperties is how long a message's encoded properties may be.
const maxProperties = 1<<15 - 1
