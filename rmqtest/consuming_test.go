package rmqtest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func brokerCode(t *testing.T, err error) int {
	t.Helper()
	var refused *holdfast.BrokerError
	require.True(t, errors.As(err, &refused), "%v", err)
	return refused.Code
}

func call(t testing.TB, c *rmqtest.Cluster, cl *remoting.Client, code int, header any, body []byte) *remoting.Command {
	t.Helper()
	response, err := cl.Call(soon(t), c.Brokers()[0].Addr(), remoting.NewRequest(code, header, body))
	require.NoError(t, err)
	return response
}

// pull is one that carries its subscription.
func pull(offset int64) remoting.PullMessageHeader {
	return remoting.PullMessageHeader{
		ConsumerGroup: "readers", Topic: "orders", QueueOffset: offset, MaxMsgNums: 32,
		SysFlag: remoting.PullSubscription, Subscription: "*",
	}
}

func TestPullAnswersByOffset(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	answer := func(offset int64) (code int, next string) {
		response := call(t, c, cl, remoting.PullMessage, pull(offset), nil)
		return response.Code, response.Ext["nextBeginOffset"]
	}
	check := func(offset int64, wantCode int, wantNext string) {
		t.Helper()
		code, next := answer(offset)
		require.Equal(t, wantCode, code)
		require.Equal(t, wantNext, next)
	}
	check(0, remoting.PullNotFound, "0")
	check(5, remoting.PullOffsetMoved, "0")
	for i := range 3 {
		mustSend(t, c, cl, message("orders", fmt.Sprint(i), nil))
	}
	check(-1, remoting.PullOffsetMoved, "0")
	check(0, remoting.Success, "3")
	check(2, remoting.Success, "3")
	check(3, remoting.PullNotFound, "3")
	check(4, remoting.PullOffsetMoved, "3")

	response := call(t, c, cl, remoting.PullMessage, pull(1), nil)
	messages, err := remoting.DecodeMessages(response.Body)
	require.NoError(t, err)
	require.Len(t, messages, 2)
	require.Equal(t, "1", string(messages[0].Body))
	require.EqualValues(t, 1, messages[0].QueueOffset)
	require.Equal(t, c.Messages("orders")[1].OffsetMsgID, messages[0].OffsetMsgID())
	require.Equal(t, "3", response.Ext["maxOffset"])
	require.Equal(t, "0", response.Ext["minOffset"])
}

func TestPullIsBounded(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	for range 40 {
		mustSend(t, c, cl, message("orders", "small", nil))
	}
	count := func(header remoting.PullMessageHeader) int {
		result, err := cl.Pull(soon(t), c.Brokers()[0].Addr(), header)
		require.NoError(t, err)
		require.EqualValues(t, header.QueueOffset+int64(len(result.Messages)), result.NextBeginOffset)
		return len(result.Messages)
	}
	many := pull(0)
	many.MaxMsgNums = 100
	require.Equal(t, 32, count(many), "messages")
	few := pull(0)
	few.MaxMsgNums = 3
	require.Equal(t, 3, count(few), "what was asked for")

	for range 3 {
		mustSend(t, c, cl, message("orders", strings.Repeat("x", 200_000), nil))
	}
	require.Equal(t, 1, count(pull(40)), "bytes; one message always")
}

func TestPullFiltersByHashOfTag(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	// "Aa" and "BB" have the same hash code in Java: the broker takes one for the other.
	for _, tag := range []string{"Aa", "BB", "cc", "", "dd"} {
		mustSend(t, c, cl, message("orders", "is "+tag, map[string]string{"TAGS": tag}))
	}
	take := func(expression string) (tags []string) {
		header := pull(0)
		header.Subscription = expression
		result, err := cl.Pull(soon(t), c.Brokers()[0].Addr(), header)
		require.NoError(t, err)
		require.EqualValues(t, 5, result.NextBeginOffset)
		for _, m := range result.Messages {
			tags = append(tags, m.Properties["TAGS"])
		}
		return tags
	}
	require.Equal(t, []string{"Aa", "BB"}, take("Aa"))
	require.Equal(t, []string{"cc", "dd"}, take("cc || dd"))
	require.Len(t, take("*"), 5)
	require.Len(t, take(""), 5)

	header := pull(0)
	header.Subscription = "nothing"
	response := call(t, c, cl, remoting.PullMessage, header, nil)
	require.Equal(t, remoting.PullRetryImmediately, response.Code)
	require.Equal(t, "5", response.Ext["nextBeginOffset"])
	header.Subscription = " || "
	require.Equal(t, remoting.PullRetryImmediately, call(t, c, cl, remoting.PullMessage, header, nil).Code)
	header.Subscription = "||"
	require.Equal(t, 23, call(t, c, cl, remoting.PullMessage, header, nil).Code)
	header.Subscription, header.ExpressionType = "a > 1", "SQL92"
	require.Equal(t, remoting.SystemError, call(t, c, cl, remoting.PullMessage, header, nil).Code)
}

func TestPullsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateGroups())
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	require.Equal(t, remoting.GroupNotExist, call(t, c, cl, remoting.PullMessage, pull(0), nil).Code)
	c.CreateGroup("readers")

	unsubscribed := pull(0)
	unsubscribed.SysFlag = 0
	require.Equal(t, remoting.SubscriptionNotExist, call(t, c, cl, remoting.PullMessage, unsubscribed, nil).Code, "no heartbeat came")
	elsewhere := pull(0)
	elsewhere.Topic = "bills"
	require.Equal(t, remoting.TopicNotExist, call(t, c, cl, remoting.PullMessage, elsewhere, nil).Code)
	elsewhere = pull(0)
	elsewhere.QueueID = 1
	require.Equal(t, 29, call(t, c, cl, remoting.PullMessage, elsewhere, nil).Code)
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	header := pull(0)
	header.SysFlag |= remoting.PullSuspend
	header.SuspendTimeoutMillis = time.Hour.Milliseconds()
	header.Subscription = "wanted"
	answer := make(chan *remoting.PullResult, 1)
	arrived := c.Inject(rmqtest.Pull, rmqtest.Pass(), 1).Done()
	go func() {
		defer close(answer)
		for {
			result, err := cl.Pull(soon(t), c.Brokers()[0].Addr(), header)
			if err != nil || len(result.Messages) > 0 {
				answer <- result
				return
			}
			header.QueueOffset = result.NextBeginOffset // it came after the message that does not match
		}
	}()
	<-arrived
	// The same connection serves others meanwhile, and what does not match is not delivered.
	mustSend(t, c, cl, message("orders", "a", map[string]string{"TAGS": "other"}))
	mustSend(t, c, cl, message("orders", "b", map[string]string{"TAGS": "wanted"}))
	select {
	case result := <-answer:
		require.NotNil(t, result)
		require.Len(t, result.Messages, 1)
		require.Equal(t, "b", string(result.Messages[0].Body))
		require.EqualValues(t, 2, result.NextBeginOffset)
	case <-time.After(patience):
		t.Fatal("not woken")
	}
}

func TestLongPollEnds(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.00001))
	c.CreateTopic("orders", 1)
	header := pull(0)
	header.SysFlag |= remoting.PullSuspend
	header.SuspendTimeoutMillis = time.Hour.Milliseconds()
	require.Equal(t, remoting.PullNotFound, call(t, c, client(t, c), remoting.PullMessage, header, nil).Code)
}

func TestOffsets(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 2)
	cl := client(t, c)
	query := func(queue int, options ...string) (int, string) {
		command := remoting.NewRequest(remoting.QueryConsumerOffset, remoting.QueryConsumerOffsetHeader{ConsumerGroup: "readers", Topic: "orders", QueueID: queue}, nil)
		for _, option := range options {
			command.Ext[option] = "false"
		}
		response, err := cl.Call(soon(t), c.Brokers()[0].Addr(), command)
		require.NoError(t, err)
		return response.Code, response.Ext["offset"]
	}
	update := func(topic string) int {
		return call(t, c, cl, remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: "readers", Topic: topic, CommitOffset: 7}, nil).Code
	}
	code, _ := query(0)
	require.Equal(t, remoting.QueryNotFound, code, "an empty queue")
	mustSend(t, c, cl, message("orders", "a", nil))
	code, offset := query(0)
	require.Equal(t, remoting.Success, code)
	require.Equal(t, "0", offset, "the queue still has its first message")
	code, _ = query(0, "setZeroIfNotFound")
	require.Equal(t, remoting.QueryNotFound, code)

	require.Equal(t, remoting.GroupNotExist, update("orders"), "nobody has used the group yet")
	call(t, c, cl, remoting.PullMessage, pull(0), nil)
	require.Equal(t, remoting.TopicNotExist, update("bills"))
	require.Equal(t, remoting.Success, update("orders"))
	_, offset = query(0)
	require.Equal(t, "7", offset)

	// A pull can carry an offset too.
	header := pull(1)
	header.SysFlag |= remoting.PullCommitOffset
	header.CommitOffset = 9
	call(t, c, cl, remoting.PullMessage, header, nil)
	_, offset = query(0)
	require.Equal(t, "9", offset)
}

func TestMaxMinAndSearchedOffset(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl, broker := client(t, c), c.Brokers()[0]
	search := func(at int64) string {
		response := call(t, c, cl, remoting.SearchOffsetByTimestamp, remoting.OffsetHeader{Topic: "orders", Timestamp: at}, nil)
		require.Equal(t, remoting.Success, response.Code)
		return response.Ext["offset"]
	}
	require.Equal(t, "0", search(1))
	for range 3 {
		mustSend(t, c, cl, message("orders", "a", nil))
	}
	end, err := cl.MaxOffset(soon(t), broker.Addr(), "orders", 0)
	require.NoError(t, err)
	require.EqualValues(t, 3, end)
	begin, err := cl.MinOffset(soon(t), broker.Addr(), "orders", 0)
	require.NoError(t, err)
	require.Zero(t, begin)
	end, err = cl.MaxOffset(soon(t), broker.Addr(), "unknown", 3)
	require.NoError(t, err)
	require.Zero(t, end)

	stored := c.Messages("orders")
	require.Equal(t, "0", search(stored[0].StoreTime.UnixMilli()))
	require.Equal(t, "0", search(1))
	require.Equal(t, "3", search(stored[2].StoreTime.UnixMilli()+1))
}

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

func TestSendBack(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.0001))
	cl := client(t, c)
	mustSend(t, c, cl, message("orders", "a", map[string]string{"UNIQ_KEY": "id", "TAGS": "t"}))
	original := c.Messages("orders")[0]
	back := func(offset int64, level, limit int) *remoting.Command {
		return call(t, c, cl, remoting.ConsumerSendMsgBack, remoting.SendBackHeader{
			Group: "readers", Offset: offset, DelayLevel: level, MaxReconsumeTimes: limit, OriginTopic: "orders",
		}, nil)
	}
	require.Equal(t, remoting.Success, back(original.CommitLogOffset, 0, 16).Code)
	require.Equal(t, "3", c.Messages("SCHEDULE_TOPIC_XXXX")[0].Properties["DELAY"], "3 and the attempts so far")
	eventually(t, func() bool { return len(c.Messages("%RETRY%readers")) == 1 }, "after 10 s, scaled")
	retry := c.Messages("%RETRY%readers")[0]
	require.Equal(t, 1, retry.ReconsumeTimes)
	require.Equal(t, "a", string(retry.Body))
	require.Equal(t, map[string]string{
		"UNIQ_KEY": "id", "TAGS": "t", "RETRY_TOPIC": "orders", "ORIGIN_MESSAGE_ID": original.OffsetMsgID, "WAIT": "false",
		"REAL_TOPIC": "%RETRY%readers", "REAL_QID": "0", "DELAY": "3", "MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "CLUSTER": "DefaultCluster",
	}, retry.Properties)

	require.Equal(t, remoting.Success, back(retry.CommitLogOffset, 0, 1).Code)
	dead := c.Messages("%DLQ%readers")
	require.Len(t, dead, 1, "its attempts are used up")
	require.Equal(t, 2, dead[0].ReconsumeTimes)
	require.Equal(t, original.OffsetMsgID, dead[0].Properties["ORIGIN_MESSAGE_ID"])
	require.Equal(t, remoting.Success, back(original.CommitLogOffset, -1, 16).Code)
	require.Len(t, c.Messages("%DLQ%readers"), 2, "at once, as it was asked to")

	response := back(original.CommitLogOffset+1, 0, 16)
	require.Equal(t, remoting.SystemError, response.Code)
	require.Contains(t, response.Remark, "look message by offset failed")
}

func TestSendBackRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateGroups())
	cl := client(t, c)
	mustSend(t, c, cl, message("orders", "a", nil))
	require.Equal(t, remoting.GroupNotExist, call(t, c, cl, remoting.ConsumerSendMsgBack, remoting.SendBackHeader{Group: "readers"}, nil).Code)

	group := []byte(`{"groupName":"readers","retryQueueNums":0}`)
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.CreateSubscriptionGroup, nil, group).Code)
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.ConsumerSendMsgBack, remoting.SendBackHeader{Group: "readers"}, nil).Code)
	require.Empty(t, c.Messages("%RETRY%readers"), "a group without retry queues loses it, as on a real broker")

	group = []byte(`{"groupName":"readers"}`)
	require.Equal(t, remoting.Success, call(t, c, cl, remoting.CreateSubscriptionGroup, nil, group).Code)
	require.NoError(t, cl.UpdateBrokerConfig(soon(t), c.Brokers()[0].Addr(), map[string]string{"brokerPermission": "4"}))
	require.Equal(t, remoting.NoPermission, call(t, c, cl, remoting.ConsumerSendMsgBack, remoting.SendBackHeader{Group: "readers"}, nil).Code)
	route, err := cl.Route(soon(t), "orders")
	require.NoError(t, err)
	require.Empty(t, route.WriteQueues("orders"))
	require.NotEmpty(t, route.ReadQueues("orders"))
}

func TestScan(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic("orders", 3)
	cl := client(t, c)
	for i := range 100 {
		header := sendHeader("orders", nil)
		header.QueueID = i % 3
		_, err := cl.Do(soon(t), c.Brokers()[i%2].Addr(), remoting.NewRequest(remoting.SendMessage, header, []byte(strconv.Itoa(i))))
		require.NoError(t, err)
	}
	found, err := scan.Topic(soon(t), cl, "orders")
	require.NoError(t, err)
	stored := c.Messages("orders")
	require.Len(t, found, len(stored))
	for i, m := range found {
		require.Equal(t, stored[i].OffsetMsgID, m.OffsetMsgID())
		require.Equal(t, stored[i].Body, m.Body)
		require.Equal(t, stored[i].Properties, m.Properties)
		require.Equal(t, stored[i].StoreTime.UnixMilli(), m.StoreTimestamp)
	}
}
