package rmqtest_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestHeartbeatMakesMembers(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	broker := c.Brokers()[0]
	one, two := client(t, c), client(t, c)
	heartbeat(t, c, one, "client-1", "orders")
	heartbeat(t, c, two, "client-2", "orders")
	route, err := one.Route(soon(t), "%RETRY%readers")
	require.NoError(t, err)
	require.Len(t, route.WriteQueues("r"), 1)

	require.Equal(t, []string{"client-1", "client-2"}, members(t, c, one))
	group, err := one.ConsumerConnections(soon(t), broker.Addr(), "readers")
	require.NoError(t, err)
	require.Len(t, group.Connections, 2)
	require.Equal(t, "client-1", group.Connections[0].ClientID)
	require.Equal(t, "GO", group.Connections[0].Language)
	require.Equal(t, "CLUSTERING", group.MessageModel)
	require.Equal(t, "a || b", group.Subscriptions["orders"].SubString)
	require.Equal(t, []string{"a", "b"}, group.Subscriptions["orders"].Tags)
	producers, err := one.ProducerConnections(soon(t), broker.Addr(), "writers")
	require.NoError(t, err)
	require.Len(t, producers.Connections, 2)

	// The pull of a member needs no subscription of its own.
	mustSend(t, c, one, message("orders", "x", map[string]string{"TAGS": "b"}))
	mustSend(t, c, one, message("orders", "y", map[string]string{"TAGS": "c"}))
	header := pull(0)
	header.SysFlag = 0
	result, err := one.Pull(soon(t), broker.Addr(), header)
	require.NoError(t, err)
	require.Len(t, result.Messages, 1)
	header.SubVersion = 2
	require.Equal(t, 25, call(t, c, one, remoting.PullMessage, header, nil).Code, "a subscription that no heartbeat brought")

	call(t, c, one, remoting.UnregisterClient, remoting.UnregisterClientHeader{ClientID: "client-1", ConsumerGroup: "readers", ProducerGroup: "writers"}, nil)
	require.Equal(t, []string{"client-2"}, members(t, c, one))
	two.Close()
	eventually(t, func() bool {
		response := call(t, c, one, remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: "readers"}, nil)
		return response.Code == remoting.SystemError
	}, "a connection that ends leaves its groups")
	_, err = one.ConsumerConnections(soon(t), broker.Addr(), "readers")
	require.Equal(t, remoting.ConsumerNotOnline, brokerCode(t, err))
	eventually(t, func() bool {
		_, err = one.ProducerConnections(soon(t), broker.Addr(), "writers")
		return err != nil
	}, "the producer too")
	require.Equal(t, remoting.SystemError, brokerCode(t, err))
}

func heartbeat(t *testing.T, c *rmqtest.Cluster, cl *remoting.Client, clientID, topic string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"clientID":        clientID,
		"producerDataSet": []any{map[string]any{"groupName": "writers"}},
		"consumerDataSet": []any{map[string]any{
			"groupName": "readers", "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING", "consumeFromWhere": "CONSUME_FROM_LAST_OFFSET",
			"subscriptionDataSet": []any{map[string]any{"topic": topic, "subString": "a || b", "subVersion": 1, "expressionType": "TAG", "codeSet": []string{"97", "98"}}},
		}},
	})
	require.NoError(t, err)
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.HeartBeat, nil, body).Code)
}

func members(t *testing.T, c *rmqtest.Cluster, cl *remoting.Client) []string {
	t.Helper()
	response := call(t, c, cl, remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: "readers"}, nil)
	require.Equal(t, remoting.Success, response.Code, response.Remark)
	var list struct {
		IDs []string `json:"consumerIdList"`
	}
	require.NoError(t, json.Unmarshal(response.Body, &list))
	return list.IDs
}

func TestHeartbeatOfUnknownGroup(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateGroups())
	cl := client(t, c)
	heartbeat(t, c, cl, "client-1", "orders")
	_, err := cl.ConsumerConnections(soon(t), c.Brokers()[0].Addr(), "readers")
	require.Equal(t, remoting.ConsumerNotOnline, brokerCode(t, err))
	require.Equal(t, remoting.TopicNotExist, code(t, cl, "%RETRY%readers"))
}

func lock(t *testing.T, c *rmqtest.Cluster, cl *remoting.Client, group, clientID string, queues ...remoting.Queue) int {
	t.Helper()
	response := call(t, c, cl, remoting.LockBatchMQ, nil, lockBody(t, group, clientID, queues...))
	require.Equal(t, remoting.Success, response.Code, response.Remark)
	var locked struct {
		Queues []remoting.Queue `json:"lockOKMQSet"`
	}
	require.NoError(t, remoting.UnmarshalFastjson(response.Body, &locked))
	return len(locked.Queues)
}

func lockBody(t *testing.T, group, clientID string, queues ...remoting.Queue) []byte {
	t.Helper()
	body, err := json.Marshal(map[string]any{"consumerGroup": group, "clientId": clientID, "mqSet": queues})
	require.NoError(t, err)
	return body
}

func TestLocks(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	q0, q1 := remoting.Queue{Topic: "orders", Broker: "broker-a"}, remoting.Queue{Topic: "orders", Broker: "broker-a", ID: 1}
	require.Equal(t, 1, lock(t, c, cl, "readers", "one", q0))
	require.Equal(t, 1, lock(t, c, cl, "readers", "one", q0), "again")
	require.Equal(t, 1, lock(t, c, cl, "readers", "two", q0, q1), "only the one that is free")
	require.Equal(t, 1, lock(t, c, cl, "others", "two", q0), "each group has its own")

	require.Equal(t, remoting.Success, call(t, c, cl, remoting.UnlockBatchMQ, nil, lockBody(t, "readers", "two", q0)).Code)
	require.Zero(t, lock(t, c, cl, "readers", "two", q0), "not its own to unlock")
	call(t, c, cl, remoting.UnlockBatchMQ, nil, lockBody(t, "readers", "one", q0))
	require.Equal(t, 1, lock(t, c, cl, "readers", "two", q0))
}

func TestLocksExpire(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.0001))
	cl := client(t, c)
	q := remoting.Queue{Topic: "orders", Broker: "broker-a"}
	require.Equal(t, 1, lock(t, c, cl, "readers", "one", q))
	eventually(t, func() bool { return lock(t, c, cl, "readers", "two", q) == 1 }, "after 6 ms")
}
