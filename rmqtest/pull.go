package rmqtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	// One answer has at most this many messages, or bytes if there are several.
	maxPullMessages = 32
	maxPullBytes    = 256 << 10

	// filterSpan is how many messages one pull looks through for some that match.
	filterSpan = 800
)

// pull answers PULL_MESSAGE, and waits for a message where there is none if it is asked to.
func (b *Broker) pull(c *call) {
	var header remoting.PullMessageHeader
	if !c.decode(&header) {
		return
	}
	subscription, r, ok := b.checkPull(&header)
	if !ok {
		c.refuse(r)
		return
	}
	if header.SysFlag&remoting.PullCommitOffset != 0 {
		b.offsets.commit(header.ConsumerGroup, header.Topic, header.QueueID, header.CommitOffset)
	}
	found := b.look(&header, subscription)
	if found.code != remoting.PullNotFound || header.SysFlag&remoting.PullSuspend == 0 {
		b.answerPull(c, &header, found)
		return
	}
	c.later(func() { b.suspend(c, &header, subscription, found) })
}

func (b *Broker) checkPull(header *remoting.PullMessageHeader) (*remoting.Subscription, refusal, bool) {
	no := func(code int, remark string) (*remoting.Subscription, refusal, bool) {
		return nil, refusal{code, remark}, false
	}
	if b.config.int(keyPermission)&remoting.PermRead == 0 {
		return no(remoting.NoPermission, "the broker[127.0.0.1] pulling message is forbidden")
	}
	group, ok := b.groups.find(header.ConsumerGroup)
	if !ok {
		return no(remoting.GroupNotExist, "subscription group ["+header.ConsumerGroup+"] does not exist, ")
	}
	if !group.ConsumeEnable {
		return no(remoting.NoPermission, "subscription group no permission, "+header.ConsumerGroup)
	}
	config, ok := b.topics.get(header.Topic)
	if !ok {
		return no(remoting.TopicNotExist, "topic["+header.Topic+"] not exist, apply first please! ")
	}
	if config.perm&remoting.PermRead == 0 {
		return no(remoting.NoPermission, "the topic["+header.Topic+"] pulling message is forbidden")
	}
	if header.QueueID < 0 || header.QueueID >= config.readQueues {
		return no(invalidParameter, fmt.Sprintf("queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d]", header.QueueID, header.Topic, config.readQueues))
	}
	subscription, r, ok := b.subscriptionOf(header)
	if !ok {
		return nil, r, false
	}
	if subscription.ExpressionType != byTag {
		return no(remoting.SystemError, "The broker does not support consumer to filter message by "+subscription.ExpressionType)
	}
	return subscription, refusal{}, true
}

// subscriptionOf is what the request carries, or else what the group's heartbeats said.
func (b *Broker) subscriptionOf(header *remoting.PullMessageHeader) (*remoting.Subscription, refusal, bool) {
	if header.SysFlag&remoting.PullSubscription != 0 {
		s := newSubscription(header.Topic, header.Subscription, header.ExpressionType, header.SubVersion)
		if s.SubString != allTags && s.ExpressionType == byTag && strings.Trim(s.SubString, "|") == "" {
			return nil, refusal{subscriptionMalformed, "parse the consumer's subscription failed"}, false
		}
		return &s, refusal{}, true
	}
	s, known, subscribed := b.members.subscription(header.ConsumerGroup, header.Topic)
	switch {
	case !known:
		return nil, refusal{remoting.SubscriptionNotExist, "the consumer's group info not exist"}, false
	case !subscribed:
		return nil, refusal{remoting.SubscriptionNotExist, "the consumer's subscription not exist"}, false
	case s.SubVersion < header.SubVersion:
		return nil, refusal{subscriptionOutdated, "the consumer's subscription not latest"}, false
	default:
		return &s, refusal{}, true
	}
}

// pulled is what a look into a queue found.
type pulled struct {
	code     int
	remark   string
	messages []*stored
	next     int64
	end      int64
	arrival  <-chan struct{}
}

func (b *Broker) look(header *remoting.PullMessageHeader, subscription *remoting.Subscription) pulled {
	limit := max(filterSpan, header.MaxMsgNums)
	messages, end, arrival := b.store.from(header.Topic, header.QueueID, header.QueueOffset, limit)
	p := pulled{next: header.QueueOffset, end: end, arrival: arrival}
	switch {
	case end == 0 && header.QueueOffset == 0:
		p.code, p.remark = remoting.PullNotFound, "NO_MESSAGE_IN_QUEUE"
	case end == 0:
		p.code, p.remark, p.next = remoting.PullOffsetMoved, "NO_MESSAGE_IN_QUEUE", 0
	case header.QueueOffset < 0:
		p.code, p.remark, p.next = remoting.PullOffsetMoved, "OFFSET_TOO_SMALL", 0
	case header.QueueOffset == end:
		p.code, p.remark = remoting.PullNotFound, "OFFSET_OVERFLOW_ONE"
	case header.QueueOffset > end:
		p.code, p.remark, p.next = remoting.PullOffsetMoved, "OFFSET_OVERFLOW_BADLY", end
	default:
		p.take(messages, subscription, min(header.MaxMsgNums, maxPullMessages))
	}
	return p
}

// take chooses from messages those that match and fit.
func (p *pulled) take(messages []*stored, subscription *remoting.Subscription, limit int) {
	size := int64(0)
	for _, m := range messages {
		length := m.end - m.CommitLogOffset
		if n := len(p.messages); n > 0 && (n >= limit || size+length > maxPullBytes) {
			break
		}
		p.next = m.QueueOffset + 1
		if matches(subscription, m) {
			p.messages = append(p.messages, m)
			size += length
		}
	}
	if len(p.messages) == 0 {
		p.code, p.remark = remoting.PullRetryImmediately, "NO_MATCHED_MESSAGE"
	} else {
		p.code, p.remark = remoting.Success, "FOUND"
	}
}

// suspend waits for a message that matches, at most as long as the request allows.
func (b *Broker) suspend(c *call, header *remoting.PullMessageHeader, subscription *remoting.Subscription, found pulled) {
	timer := time.NewTimer(b.options.scaled(time.Duration(header.SuspendTimeoutMillis) * time.Millisecond))
	defer timer.Stop()
	for {
		select {
		case <-found.arrival:
			found = b.look(header, subscription)
			if found.code == remoting.Success {
				b.answerPull(c, header, found)
				return
			}
		case <-timer.C:
			b.answerPull(c, header, b.look(header, subscription))
			return
		case <-c.ctx.Done():
			return
		}
	}
}

func (b *Broker) answerPull(c *call, header *remoting.PullMessageHeader, found pulled) {
	response := c.response(found.code, found.remark)
	response.Ext = remoting.EncodeHeader(remoting.PullMessageResponse{NextBeginOffset: found.next, MaxOffset: found.end})
	response.Ext["topicSysFlag"], response.Ext["groupSysFlag"] = "0", "0"
	b.offsets.pulled(header.ConsumerGroup, header.Topic, header.QueueID, found.next)
	c.answerMessages(response, found.messages)
}

func encodeMessages(messages []*stored) ([]byte, error) {
	size := int64(0)
	for _, m := range messages {
		size += m.end - m.CommitLogOffset
	}
	body := make([]byte, 0, size)
	for _, m := range messages {
		var err error
		if body, err = m.Append(body); err != nil {
			return nil, err
		}
	}
	return body, nil
}
