package conformance

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Copies that our consumers store instead of having the broker send messages back.
var copies = []Scenario{
	{Name: "TransactionalMessageIsTriedAgain", Queues: 1, Run: transactionalMessageIsTriedAgain},
	{Name: "TransactionalMessageIsRejected", Queues: 1, Run: transactionalMessageIsRejected},
	{Name: "RetryIsCountedAndDelayed", Queues: 1, Run: retryIsCountedAndDelayed},
	{Name: "LaterIsDelayedAndNotCounted", Queues: 1, Run: laterIsDelayedAndNotCounted},
	{Name: "RetryPastTheMaximumIsDead", Queues: 1, Run: retryPastTheMaximumIsDead},
	{Name: "RejectedIsDeadAtOnce", Queues: 1, Run: rejectedIsDeadAtOnce},
	{Name: "RetryWaitsForTheLocks", Queues: 1, Run: retryWaitsForTheLocks},
	{Name: "RetryOfAnUnknownGroup", On: Strict, Queues: 1, Run: retryOfAnUnknownGroup},
	{Name: "RetryWithoutRetryQueues", Queues: 1, Run: retryWithoutRetryQueues},
	{Name: "RetryWhoseAnswerIsLost", Queues: 1, Run: retryWhoseAnswerIsLost},
	{Name: "RetryOfACompressedBody", Queues: 1, Run: retryOfACompressedBody},
	{Name: "RetryOfACrowdedMessage", Queues: 1, Run: retryOfACrowdedMessage},
	{Name: "BatchToTheRetryTopic", Queues: 1, Run: batchToTheRetryTopic},
	{Name: "PrepareCreatesTheRetryTopic", Queues: 1, Run: prepareCreatesTheRetryTopic},
	{Name: "PrepareDisturbsNobody", Queues: 1, Run: prepareDisturbsNobody},
	{Name: "PrepareOfAnUnknownGroup", On: Strict, Queues: 1, Run: prepareOfAnUnknownGroup},
	{Name: "PrepareWithoutRetryQueues", Queues: 1, Run: prepareWithoutRetryQueues},
}

func (on *World) retries(opts ...consumer.RetriesOption) *consumer.Retries {
	on.t.Helper()
	r, err := consumer.NewRetries(on.Cluster(), on.group, opts...)
	require.NoError(on.t, err)
	on.t.Cleanup(func() { require.NoError(on.t, r.Close(on.within(patience))) })
	return r
}

// delivered is a stored message as the official push consumer hands it over.
func (on *World) delivered(m *remoting.Message) *primitive.MessageExt {
	on.t.Helper()
	body, err := m.Payload()
	require.NoError(on.t, err)
	topic := m.Topic
	if original := m.Properties["RETRY_TOPIC"]; original != "" && strings.HasPrefix(topic, "%RETRY%") {
		topic = original
	}
	ext := &primitive.MessageExt{
		MsgId: m.UniqueKey(), OffsetMsgId: m.OffsetMsgID(), QueueOffset: m.QueueOffset, SysFlag: int32(m.SysFlag),
		BornTimestamp: m.BornTimestamp, CommitLogOffset: m.CommitLogOffset, ReconsumeTimes: int32(m.ReconsumeTimes),
	}
	ext.Topic, ext.Body, ext.Flag = topic, body, m.Flag
	ext.Queue = &primitive.MessageQueue{Topic: m.Topic, BrokerName: on.name, QueueId: m.QueueID}
	ext.WithProperties(m.Properties)
	return ext
}

// received stores a message and returns it as a consumer would have it.
func (on *World) received(m message) *primitive.MessageExt {
	on.t.Helper()
	on.mustSend(m)
	return on.delivered(on.storedOne(on.topic))
}

func (on *World) retryName() string { return "%RETRY%" + on.group }
func (on *World) deadName() string  { return "%DLQ%" + on.group }

// committed transactional messages have TRAN_MSG among their properties.
func transactional(on *World) *primitive.MessageExt {
	m := on.received(message{body: "paid", properties: map[string]string{"UNIQ_KEY": newID(), "KEYS": "o-1"}})
	m.WithProperties(map[string]string{
		"UNIQ_KEY": m.MsgId, "KEYS": "o-1", "TRAN_MSG": "true", "PGROUP": on.group, "__transactionId__": m.MsgId, "TRANSACTION_CHECK_TIMES": "1",
	})
	return m
}

// Copied with its properties, it would be answered SEND_OK and become a half message.
func transactionalMessageIsTriedAgain(t *testing.T, on *World) {
	m := transactional(on)
	require.NoError(t, on.retries().Retry(on.soon(), m, 1, 1, errors.New("no")))
	copied := on.storedOne(on.retryName())
	require.Equal(t, "paid", string(copied.Body))
	require.Equal(t, m.MsgId, copied.UniqueKey())
	require.NotContains(t, copied.Properties, "TRAN_MSG")
	require.NotContains(t, copied.Properties, "PGROUP")
	require.Nil(t, on.half(m.MsgId))
}

func transactionalMessageIsRejected(t *testing.T, on *World) {
	m := transactional(on)
	require.NoError(t, on.retries().DeadLetter(on.soon(), m, errors.New("never")))
	copied := on.storedOne(on.deadName())
	require.Equal(t, "paid", string(copied.Body))
	require.Equal(t, m.MsgId, copied.UniqueKey())
	require.NotContains(t, copied.Properties, "TRAN_MSG")
	require.Nil(t, on.half(m.MsgId))
}

func retryIsCountedAndDelayed(t *testing.T, on *World) {
	id := newID()
	m := on.received(message{body: "again", flag: 7, properties: map[string]string{"UNIQ_KEY": id, "KEYS": "k", "TAGS": "a", "own": "✓", "DELAY": "0"}})
	r := on.retries()
	require.NoError(t, r.Retry(on.soon(), m, 1, 1, errors.New("the reason")))

	first := on.storedOne(on.retryName())
	require.Equal(t, "again", string(first.Body))
	require.EqualValues(t, 7, first.Flag)
	require.Equal(t, 1, first.ReconsumeTimes)
	require.Equal(t, m.BornTimestamp, first.BornTimestamp)
	require.Equal(t, id, first.UniqueKey())
	for name, value := range map[string]string{
		"RETRY_TOPIC": on.topic, "ORIGIN_MESSAGE_ID": m.OffsetMsgId, "RECONSUME_TIME": "1", "KEYS": "k", "TAGS": "a", "own": "✓",
		consumer.ReasonProperty: "the reason", consumer.AttemptProperty: "1",
	} {
		require.Equal(t, value, first.Properties[name], name)
	}
	require.NotContains(t, first.Properties, "WAIT", "the broker answers when it is flushed")
	require.NotContains(t, first.Properties, "TIMER_DELIVER_MS")
	made, err := time.Parse(time.RFC3339, first.Properties[consumer.TimeProperty])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), made, patience)

	require.NoError(t, r.Retry(on.soon(), on.delivered(first), 1, 2, errors.New("another")))
	on.eventually(func() bool { return len(on.stored(on.retryName())) == 2 }, "a copy of the copy")
	second := on.stored(on.retryName())[1]
	require.Equal(t, 2, second.ReconsumeTimes)
	require.Equal(t, id, second.UniqueKey())
	require.Equal(t, on.topic, second.Properties["RETRY_TOPIC"])
	require.Equal(t, m.OffsetMsgId, second.Properties["ORIGIN_MESSAGE_ID"])
	require.Equal(t, "another", second.Properties[consumer.ReasonProperty])
}

func laterIsDelayedAndNotCounted(t *testing.T, on *World) {
	m := on.received(message{body: "later"})
	r := on.retries()
	require.NoError(t, r.Later(on.soon(), m, 1, errors.New("not yet")))
	first := on.storedOne(on.retryName())
	require.Zero(t, first.ReconsumeTimes)
	require.Equal(t, "0", first.Properties["RECONSUME_TIME"])

	often := on.delivered(first)
	often.ReconsumeTimes = 40
	require.NoError(t, r.Later(on.soon(), often, 1, nil))
	on.eventually(func() bool { return len(on.stored(on.retryName())) == 2 }, "a copy beyond the maximum")
	require.Equal(t, 40, on.stored(on.retryName())[1].ReconsumeTimes)
	require.Empty(t, on.stored(on.deadName()))
}

func retryPastTheMaximumIsDead(t *testing.T, on *World) {
	m := on.received(message{body: "dead"})
	r := on.retries(consumer.WithMaxReconsumeTimes(2))
	m.ReconsumeTimes = 1
	require.NoError(t, r.Retry(on.soon(), m, 1, 2, nil))
	require.Equal(t, 2, on.storedOne(on.retryName()).ReconsumeTimes)
	m.ReconsumeTimes = 2
	require.NoError(t, r.Retry(on.soon(), m, 1, 3, errors.New("once too often")))
	dead := on.storedOne(on.deadName())
	require.Equal(t, 3, dead.ReconsumeTimes)
	require.Equal(t, "once too often", dead.Properties[consumer.ReasonProperty])
	require.Len(t, on.stored(on.retryName()), 1)
}

// The broker makes the dead-letter topic, though nobody of the group was ever there.
func rejectedIsDeadAtOnce(t *testing.T, on *World) {
	m := on.received(message{body: "dead", properties: map[string]string{"UNIQ_KEY": newID(), "DELAY": "0"}})
	require.NoError(t, on.retries().DeadLetter(on.soon(), m, errors.New("never")))
	dead := on.storedOne(on.deadName())
	require.Equal(t, "dead", string(dead.Body))
	require.Equal(t, 1, dead.ReconsumeTimes)
	require.Equal(t, m.MsgId, dead.UniqueKey())
	require.Equal(t, on.topic, dead.Properties["RETRY_TOPIC"])
	require.Equal(t, m.OffsetMsgId, dead.Properties["ORIGIN_MESSAGE_ID"])
	require.Equal(t, "never", dead.Properties[consumer.ReasonProperty])
	require.Len(t, on.route(on.deadName()).WriteQueues(on.deadName()), 1)
	require.Empty(t, on.stored(on.retryName()))
}

// A copy that the broker would make a dead letter of, because the group holds queue locks, is
// refused; what is a dead letter anyway is stored.
func retryWaitsForTheLocks(t *testing.T, on *World) {
	m := on.received(message{body: "again"})
	require.Equal(t, []int{0}, on.locked("client", 0))
	r := on.retries()
	require.ErrorIs(t, r.Retry(on.soon(), m, 1, 1, nil), consumer.ErrOrderLocks)
	require.Equal(t, []int{0}, on.locked("client", 0))
	err := r.Later(on.soon(), m, 1, nil)
	require.ErrorIs(t, err, consumer.ErrOrderLocks)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Empty(t, on.stored(on.deadName()))
	on.locked("client", 0)
	require.NoError(t, r.DeadLetter(on.soon(), m, nil))
	require.Equal(t, "again", string(on.storedOne(on.deadName()).Body))

	on.unlock("client", 0)
	require.NoError(t, r.Retry(on.soon(), m, 1, 1, nil))
	require.Equal(t, "again", string(on.storedOne(on.retryName()).Body))
	require.Len(t, on.stored(on.deadName()), 1)
}

func retryOfAnUnknownGroup(t *testing.T, on *World) {
	m := on.received(message{body: "again"})
	for _, err := range []error{on.retries().Retry(on.soon(), m, 1, 1, nil), on.retries().DeadLetter(on.soon(), m, nil)} {
		require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.GroupNotExist})
		require.ErrorContains(t, err, "create the consumer group")
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
}

// A message that is sent back to such a group is gone; a copy is refused.
func retryWithoutRetryQueues(t *testing.T, on *World) {
	on.putGroup(map[string]any{"retryQueueNums": 0})
	m := on.received(message{body: "again"})
	on.join().heartbeat("*")
	err := on.retries(consumer.WithCopyAttempts(1)).Retry(on.soon(), m, 1, 1, nil)
	require.ErrorContains(t, err, "set retryQueueNums")
	require.Empty(t, on.stored(on.retryName()))
}

func (on *World) putGroup(config map[string]any) {
	on.t.Helper()
	all := map[string]any{"groupName": on.group, "consumeEnable": true, "retryQueueNums": 1, "retryMaxTimes": 16, "notifyConsumerIdsChangedEnable": true}
	for name, value := range config {
		all[name] = value
	}
	body, err := json.Marshal(all)
	require.NoError(on.t, err)
	on.must(remoting.NewRequest(remoting.CreateSubscriptionGroup, nil, body))
}

// The copy is sent again, under the same identity.
func retryWhoseAnswerIsLost(t *testing.T, on *World) {
	m := on.received(message{body: "again", properties: map[string]string{"UNIQ_KEY": newID()}})
	lost := on.script(fault.Send, fault.CloseAfter(), 1)
	require.NoError(t, on.retries().Retry(on.soon(), m, 1, 1, nil))
	require.Equal(t, 1, lost())
	on.eventually(func() bool { return len(on.stored(on.retryName())) >= 1 }, "the copy")
	for _, copied := range on.stored(on.retryName()) {
		require.Equal(t, m.MsgId, copied.UniqueKey())
		require.Equal(t, 1, copied.ReconsumeTimes)
	}
}

func retryOfACompressedBody(t *testing.T, on *World) {
	m := on.received(message{body: strings.Repeat("again ", 1000)})
	m.SysFlag = remoting.FlagCompressed
	require.NoError(t, on.retries().Retry(on.soon(), m, 1, 1, nil))
	copied := on.storedOne(on.retryName())
	require.Less(t, len(copied.Body), 1000)
	require.Equal(t, []string{strings.Repeat("again ", 1000)}, bodies([]*remoting.Message{copied}))
}

// What is optional makes way for what the message came with.
func retryOfACrowdedMessage(t *testing.T, on *World) {
	own := strings.Repeat("x", 31_200)
	m := on.received(message{body: "again", properties: map[string]string{"UNIQ_KEY": newID(), "own": own}})
	require.NoError(t, on.retries().Retry(on.soon(), m, 1, 1, errors.New(strings.Repeat("reason ", 1000))))
	copied := on.storedOne(on.retryName())
	require.Equal(t, own, copied.Properties["own"])
	require.Equal(t, on.topic, copied.Properties["RETRY_TOPIC"])
	require.Equal(t, m.OffsetMsgId, copied.Properties["ORIGIN_MESSAGE_ID"])
	require.Less(t, len(copied.Properties[consumer.ReasonProperty]), 1000)
}

func batchToTheRetryTopic(t *testing.T, on *World) {
	on.join().heartbeat("*")
	entries := slices.Repeat([]remoting.BatchMessage{{Body: []byte("x")}}, 2)
	on.requireRefused(remoting.MessageIllegal, "batch request does not support retry group", on.batch(message{topic: on.retryName()}, entries...))
	require.Empty(t, on.stored(on.retryName()))
}

func prepareCreatesTheRetryTopic(t *testing.T, on *World) {
	require.NoError(t, on.retries().Prepare(on.soon(), map[string]string{on.topic: "a || b"}))
	require.Len(t, on.route(on.retryName()).WriteQueues(on.retryName()), 1)
	require.Contains(t, on.groupNames(), on.group)
	require.Empty(t, on.members(), "nobody is left who would be given queues")
	_, err := on.client.ConsumerConnections(on.soon(), on.broker, on.group)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.ConsumerNotOnline})
}

// Where the retry topic is, no heartbeat is needed, and no member shares its queues anew.
func prepareDisturbsNobody(t *testing.T, on *World) {
	m := on.join()
	m.heartbeat("a")
	on.eventually(func() bool { return len(on.route(on.retryName()).WriteQueues(on.retryName())) == 1 }, "route of the retry topic")
	for len(m.told) > 0 {
		<-m.told
	}
	require.NoError(t, on.retries().Prepare(on.soon(), map[string]string{on.topic: "b"}))
	select {
	case <-m.told:
		require.FailNow(t, "the group changed")
	case <-time.After(shortly):
	}
	require.Equal(t, []string{m.id}, on.members())
	connections, err := on.client.ConsumerConnections(on.soon(), on.broker, on.group)
	require.NoError(t, err)
	require.Equal(t, "a", connections.Subscriptions[on.topic].SubString)
}

func prepareOfAnUnknownGroup(t *testing.T, on *World) {
	err := on.retries().Prepare(on.soon(), map[string]string{on.topic: "*"})
	require.ErrorContains(t, err, "autoCreateSubscriptionGroup=true")
	require.NotContains(t, on.groupNames(), on.group)

	on.putGroup(nil)
	require.NoError(t, on.retries().Prepare(on.soon(), map[string]string{on.topic: "*"}))
	require.Len(t, on.route(on.retryName()).WriteQueues(on.retryName()), 1)
}

func prepareWithoutRetryQueues(t *testing.T, on *World) {
	on.putGroup(map[string]any{"retryQueueNums": 0})
	err := on.retries().Prepare(on.soon(), map[string]string{on.topic: "*"})
	require.ErrorContains(t, err, "set retryQueueNums")
	require.Empty(t, on.members())
}
