package rmqtest_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

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
