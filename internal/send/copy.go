package send

import (
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// HalfProperty keys a half message to its local transaction.
const HalfProperty = "HOLDFAST_TXN"

// A copy of a message is not the message. These properties would make it something else: a
// copy with TRAN_MSG is answered SEND_OK and becomes a half message that nobody ever sees.
// The broker or the client of the copy sets anew what the copy needs.
var notCopied = map[string]bool{
	// a transaction that has ended
	primitive.PropertyTransactionPrepared:            true,
	primitive.PropertyProducerGroup:                  true,
	primitive.PropertyTransactionID:                  true,
	primitive.PropertyTranscationPreparedQueueOffset: true,
	primitive.PropertyTranscationCheckTimes:          true,
	primitive.PropertyCheckImmunityTimeInSeconds:     true,
	HalfProperty: true,

	// where the original was put aside, and for how long
	primitive.PropertyRealTopic:      true,
	primitive.PropertyRealQueueId:    true,
	primitive.PropertyDelayTimeLevel: true,

	// how the original was stored
	primitive.PropertyWaitStoreMsgOk: true,
	primitive.PropertyCluster:        true,
	primitive.PropertyMsgRegion:      true,
	primitive.PropertyTraceSwitch:    true,
	"INNER_NUM":                      true,
	"INNER_MULTI_DISPATCH":           true,
	"INNER_MULTI_QUEUE_OFFSET":       true,

	// how the original was delivered
	primitive.PropertyMinOffset:         true,
	primitive.PropertyMaxOffset:         true,
	primitive.PropertyConsumeStartTime:  true,
	primitive.PropertyRetryTopic:        true,
	primitive.PropertyOriginMessageId:   true,
	primitive.PropertyReconsumeTime:     true,
	primitive.PropertyMaxReconsumeTimes: true,
	"POP_CK":                            true,
	"1ST_POP_TIME":                      true,

	// a request or a reply, which the client sends by other means
	primitive.PropertyMsgType:                true,
	primitive.PropertyReplyMessageArriveTime: true,
}

// timerPrefix starts the properties of RocketMQ 5's timed messages.
const timerPrefix = "TIMER_"

// CopyProperties returns the properties that a copy of a message keeps: the user's own, the
// tags, keys and sharding key, the UNIQ_KEY and the trace context.
func CopyProperties(properties map[string]string) map[string]string {
	kept := make(map[string]string, len(properties))
	for name, value := range properties {
		if !notCopied[name] && !strings.HasPrefix(name, timerPrefix) {
			kept[name] = value
		}
	}
	return kept
}

// IsTimed tells a message that is to be delivered later, by level or by time.
func IsTimed(properties map[string]string) bool {
	if level := properties[primitive.PropertyDelayTimeLevel]; level != "" && level != "0" {
		return true
	}
	for name := range properties {
		if strings.HasPrefix(name, timerPrefix) {
			return true
		}
	}
	return false
}

// Clone copies a message, its properties included; the body is shared. The official client
// keeps what it compressed in the message it was given and marks it, so a clone starts
// without that.
func Clone(msg *primitive.Message) *primitive.Message {
	clone := &primitive.Message{
		Topic: msg.Topic, Body: msg.Body, Flag: msg.Flag, TransactionId: msg.TransactionId, Queue: msg.Queue,
	}
	clone.WithProperties(msg.GetProperties())
	return clone
}
