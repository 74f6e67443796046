package consumer

import (
	"context"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// strayProperty keeps the original topic of a stray on its way to the listener.
const strayProperty = "HOLDFAST_STRAY"

// strays are retries whose original topic is not subscribed here. The official client has no
// listener for them: it sends them back, passes over the answer, and forgets them. So they are
// given another topic's listener, which gives them their own back; what to do with them is the
// router's to say, and then nothing is acknowledged that was not stored.
type strays struct {
	retryTopic string // wire name
	adoptive   string // wire name of a topic that has a listener
	subscribed func(wireTopic string) bool
}

// adopt is called with what was pulled, before any listener.
func (s *strays) adopt(msgs []*primitive.MessageExt) {
	for _, msg := range msgs {
		if msg.Topic != s.retryTopic {
			continue
		}
		original := msg.GetProperty(primitive.PropertyRetryTopic)
		if s.subscribed(original) {
			continue
		}
		if original == "" {
			original = s.retryTopic // somebody sent it here
		}
		msg.WithProperty(strayProperty, original)
		msg.WithProperty(primitive.PropertyRetryTopic, s.adoptive)
	}
}

// restore undoes it, and says whether the message is a stray. It looks at what was pulled from
// the retry topic alone, for all others pay for it.
func (s *strays) restore(msg *primitive.MessageExt) bool {
	if msg.Queue == nil || msg.Queue.Topic != s.retryTopic {
		return false
	}
	original := msg.GetProperty(strayProperty)
	if original == "" {
		return false
	}
	msg.RemoveProperty(strayProperty)
	msg.WithProperty(primitive.PropertyRetryTopic, original)
	msg.Topic = original
	return true
}

// adoptAgain is adopt for a stray that was restored and is not acknowledged. In order the
// official client looks for its listener again, by the topic that it has now; finding none it
// would pass it over, and the next message's acknowledgement would be this one's too.
func (s *strays) adoptAgain(msg *primitive.MessageExt) {
	msg.WithProperty(strayProperty, msg.Topic)
	msg.WithProperty(primitive.PropertyRetryTopic, s.adoptive)
	msg.Topic = s.adoptive
}

func (c *Consumer) newStrays() *strays {
	s := &strays{retryTopic: c.cluster.Topic(retryPrefix + c.group)}
	wire := map[string]bool{}
	for topic := range c.handlers {
		wire[c.cluster.Topic(topic)] = true
		s.adoptive = c.cluster.Topic(topic)
	}
	s.subscribed = func(topic string) bool { return wire[topic] }
	return s
}

// listener is what the official client calls.
func (c *Consumer) listener(s *strays) func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
	return func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		var found []*primitive.MessageExt
		for _, msg := range msgs {
			if s.restore(msg) {
				found = append(found, msg)
			}
		}
		result, err := c.engine.listen(ctx, msgs...)
		if result == mqconsumer.ConsumeSuccess {
			c.acknowledged.now()
			return result, err
		}
		for _, msg := range found {
			s.adoptAgain(msg)
		}
		return result, err
	}
}
