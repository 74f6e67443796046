package producer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/send"
)

const (
	maxTopicLength = 127

	// maxProperties leaves the broker and every later copy room below the 32,767 bytes that
	// a stored message can have.
	maxProperties = 30 << 10

	retryPrefix = "%RETRY%"
)

// check refuses what the broker would refuse, lose or turn into something else.
func (p *Producer) check(msgs []*primitive.Message, snapshots []map[string]string) error {
	if len(msgs) == 0 {
		return errors.New("producer: no message: give at least one")
	}
	total := 0
	for i, msg := range msgs {
		if msg == nil {
			return fmt.Errorf("producer: message %d of %d is nil", i+1, len(msgs))
		}
		if err := p.checkMessage(msg, snapshots[i]); err != nil {
			return fmt.Errorf("producer: message to %q: %w", msg.Topic, err)
		}
		total += len(msg.Body)
	}
	if len(msgs) == 1 {
		return nil
	}
	if total > p.config.maxMessageSize {
		return fmt.Errorf("producer: batch to %q: %d bytes of bodies, %d are allowed: send fewer at once", msgs[0].Topic, total, p.config.maxMessageSize)
	}
	return checkBatch(msgs)
}

func (p *Producer) checkMessage(msg *primitive.Message, properties map[string]string) error {
	if msg.Topic == "" {
		return errTopicEmpty
	}
	if err := checkTopic(p.cluster.Topic(msg.Topic)); err != nil {
		return err
	}
	if len(msg.Body) == 0 {
		return errors.New("its Body is empty: brokers take a message without one only in a batch: give it a byte")
	}
	if len(msg.Body) > p.config.maxMessageSize {
		return fmt.Errorf("body of %d bytes, %d are allowed: make it smaller, or raise WithMaxMessageSize and the broker's maxMessageSize", len(msg.Body), p.config.maxMessageSize)
	}
	return checkProperties(properties)
}

var errTopicEmpty = errors.New("its Topic is empty: set it")

func checkTopic(topic string) error {
	if topic == "" {
		return errTopicEmpty
	}
	if len(topic) > maxTopicLength {
		return fmt.Errorf("its Topic has %d bytes: %d are allowed", len(topic), maxTopicLength)
	}
	for _, r := range topic {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("%|-_", r):
		default:
			return fmt.Errorf("its Topic contains %q: use letters, digits, - and _", r)
		}
	}
	return nil
}

func checkProperties(properties map[string]string) error {
	size := 0
	for name, value := range properties {
		for _, text := range [...]string{name, value} {
			if i := strings.IndexAny(text, "\x00\x01\x02"); i >= 0 {
				return fmt.Errorf("property %q contains \\x%02x, which RocketMQ uses as a separator: encode it", name, text[i])
			}
		}
		size += len(name) + len(value) + 2
	}
	if size > maxProperties {
		return fmt.Errorf("properties of %d bytes, %d are allowed: brokers and copies need the rest of 32767", size, maxProperties)
	}
	if wait, ok := properties[primitive.PropertyWaitStoreMsgOk]; ok && !strings.EqualFold(wait, "true") {
		return fmt.Errorf("property WAIT is %q: the broker would answer before it has flushed: remove it", wait)
	}
	if _, ok := properties[primitive.PropertyTransactionPrepared]; ok {
		return errors.New("property TRAN_MSG is set: it would become a half message that nobody sees: forward a consumed message with producer.Forward")
	}
	return nil
}

func checkBatch(msgs []*primitive.Message) error {
	for _, msg := range msgs {
		switch {
		case msg.Topic != msgs[0].Topic:
			return fmt.Errorf("producer: batch to %q and %q: a batch has one topic", msgs[0].Topic, msg.Topic)
		case strings.HasPrefix(msg.Topic, retryPrefix):
			return fmt.Errorf("producer: batch to %q: brokers refuse batches to retry topics: send one at a time", msg.Topic)
		case send.IsTimed(msg.GetProperties()):
			return fmt.Errorf("producer: batch to %q: a message in it is delayed, and the broker would deliver it at once: send it by itself", msg.Topic)
		case msg.GetShardingKey() != msgs[0].GetShardingKey():
			return fmt.Errorf("producer: batch to %q: sharding keys %q and %q have queues of their own, a batch has one: use SendBatch, or send them one by one", msg.Topic, msgs[0].GetShardingKey(), msg.GetShardingKey())
		case !sameQueue(msg.Queue, msgs[0].Queue):
			return fmt.Errorf("producer: batch to %q: two messages name different queues, a batch has one", msg.Topic)
		}
	}
	return nil
}

func sameQueue(a, b *primitive.MessageQueue) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.BrokerName == b.BrokerName && a.QueueId == b.QueueId
}
