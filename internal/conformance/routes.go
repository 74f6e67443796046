package conformance

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var routes = []Scenario{
	{Name: "RouteOfATopic", Queues: 3, Run: routeOfATopic},
	{Name: "RouteFollowsTheTopic", Queues: 2, Run: routeFollowsTheTopic},
	{Name: "RouteOfAnUnknownTopic", Run: routeOfAnUnknownTopic},
	{Name: "RouteForOldAndNewClients", Queues: 1, Run: routeForOldAndNewClients},
	{Name: "ClusterInfo", Run: clusterInfo},
	{Name: "FirstSendCreatesTheTopic", Run: firstSendCreatesTheTopic},
	{Name: "NoTopicIsCreated", On: Strict, Run: noTopicIsCreated},
	{Name: "DeletedTopic", Queues: 1, Run: deletedTopic},
	{Name: "NamesOfTopics", Run: namesOfTopics},
}

func routeOfATopic(t *testing.T, on *World) {
	route := on.route(on.topic)
	require.Equal(t, []remoting.QueueData{{Broker: on.name, ReadQueueNums: 3, WriteQueueNums: 3, Perm: remoting.PermRead | remoting.PermWrite}}, route.Queues)
	require.Len(t, route.Brokers, 1)
	require.Equal(t, on.broker, route.Master(on.name))
	require.Equal(t, "DefaultCluster", route.Brokers[0].Cluster)
}

func routeFollowsTheTopic(t *testing.T, on *World) {
	on.createTopic(on.topic, 5)
	on.putUntil(on.topic, 5, remoting.PermRead, func() bool { return on.route(on.topic).Queues[0].Perm == remoting.PermRead })
	require.Empty(t, on.route(on.topic).WriteQueues(on.topic))
	require.Len(t, on.route(on.topic).ReadQueues(on.topic), 5)
}

func routeOfAnUnknownTopic(t *testing.T, on *World) {
	_, err := on.client.Route(on.soon(), on.topic)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.TopicNotExist})
	require.ErrorContains(t, err, "No topic route info in name server for the topic: "+on.topic)
}

// Clients before 4.9.4 get broker ids as bare keys; both forms say the same.
func routeForOldAndNewClients(t *testing.T, on *World) {
	var found [2]remoting.Route
	for i, version := range []int{317, 401} {
		answer, err := on.client.CallNameServer(on.soon(), func() *remoting.Command {
			request := remoting.NewRequest(remoting.GetRouteInfoByTopic, remoting.TopicHeader{Topic: on.topic}, nil)
			request.Version = version
			return request
		})
		require.NoError(t, err)
		require.Equal(t, version >= 401, json.Valid(answer.Body), "%s", answer.Body)
		require.Equal(t, version < 401, strings.Contains(string(answer.Body), `{0:"`), "%s", answer.Body)
		require.NoError(t, remoting.UnmarshalFastjson(answer.Body, &found[i]))
	}
	require.Equal(t, found[0], found[1])
}

func clusterInfo(t *testing.T, on *World) {
	info, err := on.client.ClusterInfo(on.soon())
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"DefaultCluster": {on.name}}, info.Clusters)
	require.Equal(t, remoting.BrokerData{Cluster: "DefaultCluster", Name: on.name, Addresses: map[string]string{remoting.MasterID: on.broker}}, info.Brokers[on.name])
}

func firstSendCreatesTheTopic(t *testing.T, on *World) {
	template := on.route("TBW102")
	require.Len(t, template.Queues, 1)
	require.Equal(t, 8, template.Queues[0].WriteQueueNums)

	on.mustSend(message{body: "first"})
	on.eventually(func() bool { return len(on.route(on.topic).WriteQueues(on.topic)) == 4 }, "route with as many queues as were asked for")
	require.Equal(t, []string{"first"}, bodies(on.stored(on.topic)))

	many := on.header(message{topic: on.topic + "-many"})
	many.DefaultTopicQueueNums = 100
	on.must(remoting.NewRequest(remoting.SendMessage, many, []byte("first")))
	on.eventually(func() bool { return len(on.route(many.Topic).WriteQueues(many.Topic)) == 8 }, "route with no more queues than the template has")
}

func noTopicIsCreated(t *testing.T, on *World) {
	answer := on.send(message{body: "first"})
	require.Equal(t, remoting.TopicNotExist, answer.Code)
	require.Contains(t, answer.Remark, "topic["+on.topic+"] not exist, apply first please!")
	_, err := on.client.Route(on.soon(), on.topic)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.TopicNotExist})
	_, err = on.client.Route(on.soon(), "TBW102")
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.TopicNotExist}, "there is no template")
}

func deletedTopic(t *testing.T, on *World) {
	on.mustSend(message{body: "gone with it"})
	on.must(remoting.NewRequest(remoting.DeleteTopicInBroker, remoting.TopicHeader{Topic: on.topic}, nil))
	_, err := on.client.CallNameServer(on.soon(), func() *remoting.Command {
		return remoting.NewRequest(remoting.DeleteTopicInNameServer, remoting.TopicHeader{Topic: on.topic}, nil)
	})
	require.NoError(t, err)
	on.eventually(func() bool { return len(on.route(on.topic).Queues) == 0 }, "no route")

	on.createTopic(on.topic, 1)
	require.Empty(t, on.stored(on.topic))
}

func namesOfTopics(t *testing.T, on *World) {
	for name, code := range map[string]int{
		on.topic + "_%|-":     remoting.Success,
		on.topic + "+":        29,
		on.topic + " x":       29,
		on.topic + "é":        29,
		"":                    29,
		"TBW102":              29,
		"SCHEDULE_TOPIC_XXXX": 29,
	} {
		answer := on.call(remoting.UpdateAndCreateTopic, remoting.CreateTopicHeader{
			Topic: name, DefaultTopic: "TBW102", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6, TopicFilterType: "SINGLE_TAG",
		}, nil)
		require.Equal(t, code, answer.Code, "%q: %s", name, answer.Remark)
	}
}
