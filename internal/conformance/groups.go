package conformance

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var groups = []Scenario{
	{Name: "HeartbeatCreatesTheRetryTopic", Queues: 1, Run: heartbeatCreatesTheRetryTopic},
	{Name: "HeartbeatMakesAMember", Queues: 1, Run: heartbeatMakesAMember},
	{Name: "MembersAreToldOfChanges", Queues: 1, Run: membersAreToldOfChanges},
	{Name: "UnknownGroupHasNoMembers", Run: unknownGroupHasNoMembers},
	{Name: "AnswersTellTheVersion", Run: answersTellTheVersion},
	{Name: "NoGroupIsCreated", On: Strict, Queues: 1, Run: noGroupIsCreated},
	{Name: "GroupsAreCreatedOnRequest", On: Strict, Queues: 1, Run: groupsAreCreatedOnRequest},
}

func heartbeatCreatesTheRetryTopic(t *testing.T, on *World) {
	retry := "%RETRY%" + on.group
	_, err := on.client.Route(on.soon(), retry)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.TopicNotExist})
	on.join().heartbeat("*")
	on.eventually(func() bool { return len(on.route(retry).WriteQueues(retry)) == 1 }, "route of "+retry)
	require.Contains(t, on.groupNames(), on.group)
}

func (on *World) groupNames() []string {
	on.t.Helper()
	answer := on.must(remoting.NewRequest(remoting.GetAllSubscriptionGroup, nil, nil))
	var body struct {
		Table map[string]json.RawMessage `json:"subscriptionGroupTable"`
	}
	require.NoError(on.t, remoting.UnmarshalFastjson(answer.Body, &body))
	var names []string
	for name := range body.Table {
		names = append(names, name)
	}
	return names
}

// members are the client ids of the group.
func (on *World) members() []string {
	on.t.Helper()
	answer := on.call(remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: on.group}, nil)
	if answer.Code != remoting.Success {
		return nil
	}
	var body struct {
		IDs []string `json:"consumerIdList"`
	}
	require.NoError(on.t, remoting.UnmarshalFastjson(answer.Body, &body))
	return body.IDs
}

func heartbeatMakesAMember(t *testing.T, on *World) {
	m := on.join()
	m.heartbeat("a || b")
	require.Equal(t, []string{m.id}, on.members())

	consumers, err := on.client.ConsumerConnections(on.soon(), on.broker, on.group)
	require.NoError(t, err)
	require.Len(t, consumers.Connections, 1)
	require.Equal(t, m.id, consumers.Connections[0].ClientID)
	require.Equal(t, "GO", consumers.Connections[0].Language)
	require.Equal(t, "CLUSTERING", consumers.MessageModel)
	require.Equal(t, "CONSUME_PASSIVELY", consumers.ConsumeType)
	require.Equal(t, "CONSUME_FROM_FIRST_OFFSET", consumers.ConsumeFromWhere)
	require.Equal(t, "a || b", consumers.Subscriptions[on.topic].SubString)

	producers, err := on.client.ProducerConnections(on.soon(), on.broker, on.group)
	require.NoError(t, err)
	require.Len(t, producers.Connections, 1)
	require.Equal(t, m.id, producers.Connections[0].ClientID)

	m.must(remoting.NewRequest(remoting.UnregisterClient, remoting.UnregisterClientHeader{ClientID: m.id, ProducerGroup: on.group}, nil))
	_, err = on.client.ProducerConnections(on.soon(), on.broker, on.group)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.SystemError})
	require.Equal(t, []string{m.id}, on.members(), "still a consumer")
}

func membersAreToldOfChanges(t *testing.T, on *World) {
	first, second, third := on.join(), on.join(), on.join()
	first.heartbeat("*")
	second.heartbeat("*")
	first.isTold()
	require.ElementsMatch(t, []string{first.id, second.id}, on.members())

	third.heartbeat("*")
	first.isTold()
	second.isTold()
	third.must(remoting.NewRequest(remoting.UnregisterClient, remoting.UnregisterClientHeader{ClientID: third.id, ConsumerGroup: on.group}, nil))
	first.isTold()
	require.ElementsMatch(t, []string{first.id, second.id}, on.members())

	second.leave()
	first.isTold()
	on.eventually(func() bool { return len(on.members()) == 1 }, "who is cut off is no member")
}

func unknownGroupHasNoMembers(t *testing.T, on *World) {
	answer := on.call(remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: on.group}, nil)
	require.Equal(t, remoting.SystemError, answer.Code)
	_, err := on.client.ConsumerConnections(on.soon(), on.broker, on.group)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.ConsumerNotOnline})
	_, err = on.client.ProducerConnections(on.soon(), on.broker, on.group)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.SystemError})
}

func noGroupIsCreated(t *testing.T, on *World) {
	on.fill(message{body: "x"})
	on.join().heartbeat("*")
	require.NotContains(t, on.groupNames(), on.group)
	require.Equal(t, remoting.GroupNotExist, on.pull(pull{}).Code)
	require.Equal(t, remoting.GroupNotExist, on.commit(0, 1).Code)
	stored := on.storedOne(on.topic)
	on.requireRefused(remoting.GroupNotExist, "subscription group not exist", on.sendBackRequest(remoting.SendBackHeader{Offset: stored.CommitLogOffset}))
	on.requireRefused(remoting.GroupNotExist, "subscription group not exist", on.request(message{topic: on.retryTopic(t), body: "x"}))
}

// retryTopic makes sure that the group's retry topic exists, though the group need not.
func (on *World) retryTopic(t *testing.T) string {
	t.Helper()
	topic := "%RETRY%" + on.group
	on.createTopic(topic, 1)
	return topic
}

func groupsAreCreatedOnRequest(t *testing.T, on *World) {
	body, err := json.Marshal(map[string]any{"groupName": on.group, "consumeEnable": true, "retryQueueNums": 1, "retryMaxTimes": 16, "notifyConsumerIdsChangedEnable": true})
	require.NoError(t, err)
	on.must(remoting.NewRequest(remoting.CreateSubscriptionGroup, nil, body))
	require.Contains(t, on.groupNames(), on.group)
	on.fill(message{body: "x"})
	_, got := on.pulled(on.must(on.pullRequest(pull{})))
	require.Equal(t, []string{"x"}, got)

	on.must(remoting.NewRequest(remoting.DeleteSubscriptionGroup, remoting.GroupNameHeader{GroupName: on.group}, nil))
	require.NotContains(t, on.groupNames(), on.group)
}

// The number is the position in RocketMQ's MQVersion; 5.0.0 has 413.
func answersTellTheVersion(t *testing.T, on *World) {
	answer := on.call(remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: on.group}, nil)
	require.GreaterOrEqual(t, answer.Version, 413)
}
