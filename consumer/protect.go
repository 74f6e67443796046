package consumer

import "github.com/apache/rocketmq-client-go/v2/primitive"

// farAhead is the last millisecond of the year 9999.
const farAhead = "253402300799999"

// protect keeps the official client's hands off a message that is being worked on, held or
// waiting. Every ConsumeTimeout the client sends back whichever message at the head of a queue
// has a CONSUME_START_TIME longer ago than that, although its handler runs, does not look
// whether the broker took it, and drops it. It writes the property before each call; between
// that and this lies no more than the call.
func protect(msg *primitive.MessageExt) {
	msg.WithProperty(primitive.PropertyConsumeStartTime, farAhead)
}
