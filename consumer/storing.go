package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
)

const (
	// scheduleTopic is where brokers keep what is to be delivered later, by level.
	scheduleTopic = "SCHEDULE_TOPIC_XXXX"

	copyLookupTimeout = time.Second
)

var errNoMaster = errors.New("no master of the topic is known")

// storing is one copy on its way.
type storing struct {
	retries *Retries
	ctx     context.Context
	copy    *storedCopy
	home    string   // the broker that the message came from
	topics  []string // whose brokers the copy can go to

	sentTo map[string]string // brokers that may have stored it, with their addresses
	last   time.Time         // when the last attempt that may have stored it began
}

// store makes attempts until the copy is stored.
func (r *Retries) store(ctx context.Context, msg *primitive.MessageExt, f fate, level, attempt int, reason error) error {
	if err := r.begin(); err != nil {
		return err
	}
	defer r.end()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("consumer: retries: %w", context.Cause(ctx))
	}
	copied := newCopy(r.cluster, r.group, msg, f, min(level, longestDelayLevel), attempt, r.config.maxReconsume, reason)
	s := &storing{
		retries: r, ctx: ctx, copy: copied, sentTo: map[string]string{},
		// The members of the group are known to every broker of the topics that they consume,
		// and look for retries there.
		topics: []string{originalTopic(r.cluster, msg), copied.header.Topic},
	}
	if msg.Queue != nil {
		s.home = msg.Queue.BrokerName
	}
	loop := send.Loop{
		Attempts: r.config.attempts, Backoff: r.config.backoff, Resend: true,
		Try: s.try, Elsewhere: s.elsewhere, Find: s.find,
	}
	_, err := loop.Run(ctx)
	if err != nil {
		err = fmt.Errorf("consumer: retries: copy to %q: %w", copied.header.Topic, explained(err))
	}
	return err
}

// try makes one attempt.
func (s *storing) try(avoid string) send.Answer {
	ctx, cancel := context.WithTimeout(s.ctx, s.retries.config.timeout)
	defer cancel()
	addresses, err := s.retries.masters.of(ctx, s.topics...)
	if err == nil && len(addresses) == 0 {
		err = errNoMaster
	}
	if err != nil {
		return send.Answer{Err: err, Unsent: true}
	}
	broker, address := pick(addresses, s.home, avoid)
	began := time.Now()
	answer := s.send(ctx, address)
	answer.Broker = broker
	if stored := answer.Stored(); stored == send.Durably {
		s.retries.acked.Note(broker, answer.Result.OffsetMsgID)
	} else {
		if stored != send.No {
			s.sentTo[broker], s.last = address, began
		}
		if answer.IsBrokersFault() {
			s.retries.masters.stale(s.ctx, s.topics...)
		}
	}
	return answer
}

// sendStatuses are the answers after which the master has the copy.
var sendStatuses = map[int]primitive.SendStatus{
	remoting.Success:           primitive.SendOK,
	remoting.FlushDiskTimeout:  primitive.SendFlushDiskTimeout,
	remoting.FlushSlaveTimeout: primitive.SendFlushSlaveTimeout,
	remoting.SlaveNotAvailable: primitive.SendSlaveNotAvailable,
}

func (s *storing) send(ctx context.Context, address string) send.Answer {
	request := remoting.NewRequest(remoting.SendMessageV2, nil, s.copy.body)
	knowsTimes, err := s.retries.knowsTimes(ctx, address)
	if err != nil {
		return send.Answer{Err: err, Unsent: true}
	}
	request.Ext = remoting.EncodeShortHeader(s.copy.headerFor(knowsTimes))
	response, err := s.retries.client.Call(ctx, address, request)
	if err != nil {
		return send.Answer{Err: err}
	}
	status, stored := sendStatuses[response.Code]
	if !stored {
		return send.Answer{Err: &holdfast.BrokerError{Code: response.Code, Remark: response.Remark, Broker: address}}
	}
	s.retries.versions.Store(address, response.Version >= version50)
	var where remoting.SendMessageResponse
	if err := remoting.DecodeHeader(response.Ext, &where); err != nil {
		return send.Answer{Err: err}
	}
	return send.Answer{Result: &primitive.SendResult{Status: status, OffsetMsgID: where.MsgID, QueueOffset: where.QueueOffset}}
}

// version50 is the ordinal of RocketMQ 5.0.0 in answers.
const version50 = 413

// knowsTimes says whether the broker reads the time of delivery of a message, as brokers do
// since 5.0. Every answer tells the version; any request will do, the first time.
func (r *Retries) knowsTimes(ctx context.Context, address string) (bool, error) {
	if knows, ok := r.versions.Load(address); ok {
		return knows.(bool), nil
	}
	answer, err := r.client.Call(ctx, address, remoting.NewRequest(
		remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: r.cluster.Topic(r.group)}, nil))
	if err != nil {
		return false, err
	}
	knows := answer.Version >= version50
	r.versions.Store(address, knows)
	return knows, nil
}

func (s *storing) elsewhere(broker string) bool {
	addresses, err := s.retries.masters.of(s.ctx, s.topics...)
	other, _ := pick(addresses, s.home, broker)
	return err == nil && other != broker
}

// find looks for the copy on the brokers that may have stored it: where delayed messages wait,
// or among the dead letters. A copy that came back to the retry topic meanwhile is not found,
// which costs a duplicate.
func (s *storing) find(ctx context.Context) *primitive.SendResult {
	if s.copy.id == "" || len(s.sentTo) == 0 {
		return nil
	}
	topic := scheduleTopic
	if !s.copy.isDelayed() {
		topic = deadPrefix + strings.TrimPrefix(s.copy.header.Topic, retryPrefix)
	}
	payload, err := (&remoting.Message{SysFlag: s.copy.header.SysFlag, Body: s.copy.body}).Payload()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, copyLookupTimeout)
	defer cancel()
	marks := s.retries.acked.Marks()
	found, _ := s.retries.lookup.Find(ctx, s.sentTo, send.Wanted{
		Topic: topic, ID: s.copy.properties[primitive.PropertyUniqueClientMessageIdKeyIndex],
		Body: payload, Properties: map[string]string{copyProperty: s.copy.id},
	})
	for _, f := range found {
		// The copy has the time at which the message was born; what counts here is when it was
		// sent itself.
		f.Message.BornTimestamp = s.last.UnixMilli()
		if marks.Covers(f) {
			return f.Result(topic)
		}
	}
	return nil
}

// explained adds to a refusal what to do about it, where that is known.
func explained(err error) error {
	refused := (*holdfast.BrokerError)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refusedForLocks(refused):
		return fmt.Errorf("%w: %w", ErrOrderLocks, err)
	case refused.Code == remoting.GroupNotExist:
		return fmt.Errorf("%w: create the consumer group, as with mqadmin updateSubGroup, or set autoCreateSubscriptionGroup=true on the brokers", err)
	case refused.Code == remoting.SystemError && strings.Contains(refused.Remark, "/ by zero"):
		return fmt.Errorf("%w: the retry topic has no queues: set retryQueueNums of the consumer group to 1", err)
	case remoting.Denied(refused):
		return fmt.Errorf("%w: the account needs the right to consume (Sub) as the group: see docs/ACL.md", err)
	}
	return err
}

// refusedForLocks tells the refusal of a time of delivery, which the broker reads only where
// it has taken the delay level away.
func refusedForLocks(refused *holdfast.BrokerError) bool {
	return refused.Code == remoting.MessageIllegal && strings.Contains(refused.Remark, "timer message illegal") ||
		strings.Contains(refused.Remark, "timer message is not enabled")
}
