package rmqtest_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestQueries(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "a", map[string]string{"UNIQ_KEY": "id-1", "KEYS": "k1 k2"}))
	mustSend(t, c, cl, message("orders", "b", map[string]string{"UNIQ_KEY": "id-1", "KEYS": "k2"}))
	mustSend(t, c, cl, message("bills", "c", map[string]string{"UNIQ_KEY": "id-1"}))
	byID := func() int {
		found, err := cl.QueryByUniqueKey(soon(t), broker.Addr(), "orders", "id-1", 1)
		require.NoError(t, err)
		return len(found)
	}
	byKey := func(key string, limit int, begin, end int64) []string {
		response := call(t, c, cl, remoting.QueryMessage, remoting.QueryMessageHeader{Topic: "orders", Key: key, MaxNum: limit, BeginTimestamp: begin, EndTimestamp: end}, nil)
		messages, err := remoting.DecodeMessages(response.Body)
		require.NoError(t, err)
		var list []string
		for _, m := range messages {
			list = append(list, string(m.Body))
		}
		return list
	}
	const ever = 1 << 60
	require.Equal(t, 2, byID())
	require.Equal(t, []string{"a"}, byKey("k1", 10, 0, ever))
	require.Equal(t, []string{"a", "b"}, byKey("k2", 10, 0, ever))
	require.Equal(t, []string{"b"}, byKey("k2", 1, 0, ever), "the latest")
	require.Empty(t, byKey("k2", 10, 0, 1))
	require.Equal(t, remoting.QueryNotFound, call(t, c, cl, remoting.QueryMessage, remoting.QueryMessageHeader{Topic: "orders", Key: "k3", MaxNum: 1, EndTimestamp: ever}, nil).Code)

	broker.HoldIndex()
	mustSend(t, c, cl, message("orders", "d", map[string]string{"UNIQ_KEY": "id-1"}))
	require.Equal(t, 2, byID())
	broker.ReleaseIndex()
	require.Equal(t, 3, byID())

	m := c.Messages("orders")[1]
	response := call(t, c, cl, remoting.ViewMessageByID, remoting.ViewMessageHeader{Offset: m.CommitLogOffset}, nil)
	messages, err := remoting.DecodeMessages(response.Body)
	require.NoError(t, err)
	require.Equal(t, "b", string(messages[0].Body))
	require.Equal(t, remoting.SystemError, call(t, c, cl, remoting.ViewMessageByID, remoting.ViewMessageHeader{Offset: m.CommitLogOffset + 1}, nil).Code)
}

func TestTopicAdministration(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl, broker := client(t, c), c.Brokers()[0]
	create := func(topic string, queues int) error {
		return cl.CreateTopic(soon(t), broker.Addr(), remoting.CreateTopicHeader{
			Topic: topic, ReadQueueNums: queues, WriteQueueNums: queues, Perm: 6, TopicFilterType: "SINGLE_TAG",
		})
	}
	require.NoError(t, create("orders", 2))
	require.NoError(t, create("orders", 3))
	require.Equal(t, 29, brokerCode(t, create("a b", 3)))
	require.Equal(t, 29, brokerCode(t, create("TBW102", 3)))
	config, err := cl.TopicConfig(soon(t), broker.Addr(), "orders")
	require.NoError(t, err)
	require.Equal(t, remoting.TopicConfig{Name: "orders", ReadQueueNums: 3, WriteQueueNums: 3, Perm: 6, FilterType: "SINGLE_TAG"}, *config)
	route, err := cl.Route(soon(t), "orders")
	require.NoError(t, err)
	require.Len(t, route.ReadQueues("orders"), 3)

	where := mustSend(t, c, cl, message("orders", "a", nil))
	stats, err := cl.TopicStats(soon(t), broker.Addr(), "orders")
	require.NoError(t, err)
	require.Len(t, stats.Offsets, 3)
	written := stats.Offsets[remoting.Queue{Topic: "orders", Broker: "broker-a", ID: where.QueueID}]
	require.EqualValues(t, 1, written.Max)
	require.Equal(t, c.Messages("orders")[0].StoreTime.UnixMilli(), written.LastUpdateTimestamp)

	call(t, c, cl, remoting.PullMessage, pull(0), nil)
	call(t, c, cl, remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: "readers", Topic: "orders", CommitOffset: 1}, nil)
	for _, topic := range []string{"orders", ""} {
		consumed, err := cl.ConsumeStats(soon(t), broker.Addr(), "readers", topic)
		require.NoError(t, err)
		require.Len(t, consumed.Offsets, 3)
		require.Equal(t, remoting.ConsumeOffset{Broker: 1, Consumer: 1, Pull: 1, LastTimestamp: written.LastUpdateTimestamp},
			consumed.Offsets[remoting.Queue{Topic: "orders", Broker: "broker-a"}])
	}

	topics := func() []string {
		var list struct {
			Topics []string `json:"topicList"`
		}
		response, err := cl.CallNameServer(soon(t), func() *remoting.Command { return remoting.NewRequest(remoting.GetAllTopicList, nil, nil) })
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(response.Body, &list))
		return list.Topics
	}
	require.Contains(t, topics(), "orders")
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.DeleteTopicInBroker, remoting.TopicHeader{Topic: "orders"}, nil).Code)
	_, err = cl.CallNameServer(soon(t), func() *remoting.Command {
		return remoting.NewRequest(remoting.DeleteTopicInNameServer, remoting.TopicHeader{Topic: "orders"}, nil)
	})
	require.NoError(t, err)
	require.NotContains(t, topics(), "orders")
	require.Equal(t, remoting.TopicNotExist, code(t, cl, "orders"))
	require.Empty(t, c.Messages("orders"))
	_, err = cl.TopicConfig(soon(t), broker.Addr(), "orders")
	require.Equal(t, remoting.TopicNotExist, brokerCode(t, err))
	_, err = cl.TopicStats(soon(t), broker.Addr(), "orders")
	require.Equal(t, remoting.TopicNotExist, brokerCode(t, err))
	require.Equal(t, 29, call(t, c, cl, remoting.DeleteTopicInBroker, remoting.TopicHeader{Topic: "TBW102"}, nil).Code)
}

func TestGroupAdministration(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateGroups())
	cl := client(t, c)
	groups := func() map[string]json.RawMessage {
		var all struct {
			Groups map[string]json.RawMessage `json:"subscriptionGroupTable"`
		}
		require.NoError(t, json.Unmarshal(call(t, c, cl, remoting.GetAllSubscriptionGroup, nil, nil).Body, &all))
		return all.Groups
	}
	require.Contains(t, groups(), "TOOLS_CONSUMER")
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.CreateSubscriptionGroup, nil, []byte(`{"groupName":"readers","retryMaxTimes":3}`)).Code)
	require.Contains(t, string(groups()["readers"]), `"retryMaxTimes":3`)
	require.Contains(t, string(groups()["readers"]), `"retryQueueNums":1`)
	require.Equal(t, 29, call(t, c, cl, remoting.CreateSubscriptionGroup, nil, []byte(`{"groupName":"a b"}`)).Code)
	c.CreateTopic("orders", 1)
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: "readers", Topic: "orders", CommitOffset: 1}, nil).Code)
	remove := remoting.NewRequest(remoting.DeleteSubscriptionGroup, remoting.GroupNameHeader{GroupName: "readers"}, nil)
	remove.Ext["cleanOffset"] = "true"
	_, err := cl.Do(soon(t), c.Brokers()[0].Addr(), remove)
	require.NoError(t, err)
	require.NotContains(t, groups(), "readers")
	require.Equal(t, remoting.QueryNotFound, call(t, c, cl, remoting.QueryConsumerOffset, remoting.QueryConsumerOffsetHeader{ConsumerGroup: "readers", Topic: "orders"}, nil).Code)
}

func TestBrokerInformation(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "a", nil))
	info, err := cl.RuntimeInfo(soon(t), broker.Addr())
	require.NoError(t, err)
	require.Equal(t, "0", info["dispatchBehindBytes"])
	require.Equal(t, "V5_4_0", info["brokerVersionDesc"])
	end, err := strconv.Atoi(info["commitLogMaxOffset"])
	require.NoError(t, err)
	require.Positive(t, end)

	config, err := cl.BrokerConfig(soon(t), broker.Addr())
	require.NoError(t, err)
	require.Equal(t, "SYNC_FLUSH", config["flushDiskType"])
	require.Equal(t, "127.0.0.1:"+config["listenPort"], broker.Addr())
	require.NoError(t, cl.UpdateBrokerConfig(soon(t), broker.Addr(), map[string]string{"maxMessageSize": "2", "something": "else"}))
	config, err = cl.BrokerConfig(soon(t), broker.Addr())
	require.NoError(t, err)
	require.Equal(t, "else", config["something"])
	require.Equal(t, remoting.MessageIllegal, send(t, c, cl, message("orders", "abc", nil)).Code)

	require.Equal(t, remoting.RequestCodeNotKnown, call(t, c, cl, 9999, nil, nil).Code)
	_, err = cl.CallNameServer(soon(t), func() *remoting.Command { return remoting.NewRequest(9999, nil, nil) })
	require.Equal(t, remoting.RequestCodeNotKnown, brokerCode(t, err))
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithCredentials("user", "secret"))
	c.CreateTopic("orders", 1)
	for name, test := range map[string]struct {
		cluster holdfast.Cluster
		remark  string
	}{
		"unsigned":     {holdfast.Cluster{NameServers: c.Holdfast().NameServers}, "username cannot be null."},
		"wrong secret": {holdfast.Cluster{NameServers: c.Holdfast().NameServers, AccessKey: "user", SecretKey: "guess"}, "check signature failed."},
		"wrong user":   {holdfast.Cluster{NameServers: c.Holdfast().NameServers, AccessKey: "other", SecretKey: "secret"}, "User:other is not found."},
	} {
		t.Run(name, func(t *testing.T) {
			cl := remoting.NewClient(test.cluster)
			defer cl.Close()
			response := send(t, c, cl, message("orders", "a", nil))
			require.Equal(t, remoting.NoPermission, response.Code)
			require.Equal(t, test.remark, response.Remark)
		})
	}
	mustSend(t, c, client(t, c), message("orders", "a", nil))
	p := officialProducer(t, c, producer.WithCredentials(primitive.Credentials{AccessKey: "user", SecretKey: "secret"}))
	result, err := p.SendSync(soon(t), primitive.NewMessage("orders", []byte("b")))
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)
	require.Equal(t, []string{"a", "b"}, bodies(c.Messages("orders")))
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := rmqtest.Start(rmqtest.WithBrokers("a", "a"), rmqtest.WithTimeScale(0), rmqtest.WithQueues(0),
		rmqtest.WithCredentials("", "x"), rmqtest.WithInSyncReplicas(3), rmqtest.WithMaxMessageSize(0))
	for _, option := range []string{"WithBrokers", "WithTimeScale", "WithQueues", "WithCredentials", "WithInSyncReplicas", "WithMaxMessageSize"} {
		require.ErrorContains(t, err, option)
	}
	_, err = rmqtest.Start(rmqtest.WithBrokers(), rmqtest.WithCredentials("x", ""))
	require.ErrorContains(t, err, "WithBrokers has no names")
	require.ErrorContains(t, err, "WithCredentials")
}
