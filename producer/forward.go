package producer

import (
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/send"
)

// Forward makes a message to topic from one that was consumed: its body, flag, tags, keys,
// sharding key, user properties and trace context, without the properties that would make
// the copy something else. A committed transactional message still carries TRAN_MSG, for
// one; sent on with it, it is answered SEND_OK and becomes a half message that nobody sees.
//
// The copy keeps its UNIQ_KEY, so that a message forwarded twice can be recognised; to its
// own topic it gets a new one, because it is a new message there. msg is not changed, and
// shares no memory with the copy but the body.
func Forward(topic string, msg *primitive.MessageExt) *primitive.Message {
	properties := send.CopyProperties(msg.GetProperties())
	if topic == msg.Topic {
		delete(properties, primitive.PropertyUniqueClientMessageIdKeyIndex)
	}
	forward := &primitive.Message{Topic: topic, Body: msg.Body, Flag: msg.Flag}
	forward.WithProperties(properties)
	return forward
}
