package rmqtest

import (
	"strconv"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	sendReplyV2 = 325

	// replyTimeout is how long a client may take to accept a reply.
	replyTimeout = 3 * time.Second
)

// replyHeader is that of PUSH_REPLY_MESSAGE_TO_CLIENT.
type replyHeader struct {
	ProducerGroup         string `rmq:"producerGroup"`
	Topic                 string `rmq:"topic"`
	DefaultTopic          string `rmq:"defaultTopic"`
	DefaultTopicQueueNums int    `rmq:"defaultTopicQueueNums"`
	QueueID               int    `rmq:"queueId"`
	SysFlag               int    `rmq:"sysFlag"`
	BornTimestamp         int64  `rmq:"bornTimestamp"`
	Flag                  int32  `rmq:"flag"`
	Properties            string `rmq:"properties"`
	ReconsumeTimes        int    `rmq:"reconsumeTimes"`
	UnitMode              bool   `rmq:"unitMode"`
	BornHost              string `rmq:"bornHost"`
	StoreHost             string `rmq:"storeHost"`
	StoreTimestamp        int64  `rmq:"storeTimestamp"`
}

// sendReply answers SEND_REPLY_MESSAGE: it pushes the reply to the client that waits for it,
// and stores it.
func (b *Broker) sendReply(c *call) {
	var header remoting.SendMessageHeader
	if !c.decode(&header) {
		return
	}
	if _, r, ok := b.checkSend(&header); !ok {
		b.refuseSend(c, r)
		return
	}
	c.later(func() { b.pushReply(c, &header) })
}

func (b *Broker) pushReply(c *call, header *remoting.SendMessageHeader) {
	m := b.newMessage(c, header, remoting.DecodeProperties(header.Properties))
	m.Body = c.request.Body
	if remark := b.pushTo(m.Properties[propertyReplyTo], c, header, m); remark != "" {
		b.refuseSend(c, refusal{remoting.SystemError, remark})
		return
	}
	where := remoting.SendMessageResponse{MsgID: "0", QueueID: header.QueueID}
	if _, ok := b.put(m); ok {
		where.MsgID, where.QueueOffset = m.OffsetMsgID(), m.QueueOffset
	}
	b.answerSend(c, remoting.Success, where)
}

// pushTo says why a reply could not be pushed; nothing if it was.
func (b *Broker) pushTo(clientID string, c *call, header *remoting.SendMessageHeader, m *stored) string {
	if clientID == "" {
		return "reply message properties[" + propertyReplyTo + "] is null"
	}
	client := b.members.producer(clientID)
	if client == nil {
		return "push reply message fail, channel of <" + clientID + "> not found."
	}
	now := time.Now().UnixMilli()
	m.Properties[propertyPushReplyTime] = strconv.FormatInt(now, 10)
	request := remoting.NewRequest(remoting.PushReplyMessage, replyHeader{
		ProducerGroup: header.ProducerGroup, Topic: header.Topic,
		DefaultTopic: header.DefaultTopic, DefaultTopicQueueNums: header.DefaultTopicQueueNums,
		QueueID: header.QueueID, SysFlag: header.SysFlag, BornTimestamp: header.BornTimestamp, Flag: header.Flag,
		Properties: remoting.EncodeProperties(m.Properties), ReconsumeTimes: header.ReconsumeTimes, UnitMode: header.UnitMode,
		BornHost: c.remote.String(), StoreHost: b.server.address.String(), StoreTimestamp: now,
	}, m.Body)
	if response := client.ask(request, replyTimeout); response == nil || response.Code != remoting.Success {
		return "push reply message to " + clientID + "fail."
	}
	return ""
}
