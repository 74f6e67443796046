package rmqtest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// batchOf is a batch of messages as a client of ours writes it.
func batchOf(t testing.TB, topic string, bodies ...string) *remoting.Command {
	t.Helper()
	header := sendHeader(topic, nil)
	header.Batch = true
	return &remoting.Command{
		Code: remoting.SendBatchMessage, Version: 401, Language: remoting.LanguageGo,
		Ext: remoting.EncodeShortHeader(header), Body: batchBody(t, bodies...),
	}
}

func batchBody(t testing.TB, bodies ...string) []byte {
	t.Helper()
	var body []byte
	for _, b := range bodies {
		var err error
		body, err = remoting.AppendBatch(body, remoting.BatchMessage{
			Body: []byte(b), Properties: remoting.EncodeProperties(map[string]string{"UNIQ_KEY": "id-" + b, "TAGS": "t"}),
		})
		require.NoError(t, err)
	}
	return body
}

func TestSendAnswersWhereItStored(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	for i, body := range []string{"a", "b"} {
		response := send(t, c, cl, message("orders", body, map[string]string{"UNIQ_KEY": "id-" + body, "note": "x", "empty": ""}))
		require.Equal(t, remoting.Success, response.Code, response.Remark)
		m := c.Messages("orders")[i]
		require.Equal(t, m.OffsetMsgID, response.Ext["msgId"])
		require.Equal(t, "id-"+body, response.Ext["transactionId"])
		require.Equal(t, "0", response.Ext["queueId"])
		require.Equal(t, []string{"0", "1"}[i], response.Ext["queueOffset"])
		require.Equal(t, "DefaultRegion", response.Ext["MSG_REGION"])
		require.Equal(t, "true", response.Ext["TRACE_ON"])
		require.Equal(t, map[string]string{
			"UNIQ_KEY": "id-" + body, "note": "x", "MSG_REGION": "DefaultRegion", "TRACE_ON": "true", "CLUSTER": "DefaultCluster",
		}, m.Properties)
	}
	first, second := c.Messages("orders")[0], c.Messages("orders")[1]
	require.Less(t, first.CommitLogOffset, second.CommitLogOffset)
}

func TestSendWithoutIDGetsOne(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	mustSend(t, c, client(t, c), message("orders", "a", nil))
	require.Len(t, c.Messages("orders")[0].UniqueKey, 32)
}

func TestBatchIsStoredTogether(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	mustSend(t, c, cl, message("orders", "before", nil))
	where := mustSend(t, c, cl, batchOf(t, "orders", "a", "b", "c"))

	stored := c.Messages("orders")
	require.Equal(t, []string{"before", "a", "b", "c"}, bodies(stored))
	require.EqualValues(t, 1, where.QueueOffset)
	require.Empty(t, where.TransactionID)
	ids := strings.Split(where.MsgID, ",")
	for i, m := range stored[1:] {
		require.Equal(t, m.OffsetMsgID, ids[i])
		require.Equal(t, map[string]string{"UNIQ_KEY": "id-" + string(m.Body), "TAGS": "t"}, m.Properties, "members of a batch are stored as they came")
	}
}

func TestSendsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithMaxMessageSize(1000))
	c.CreateTopic("orders", 2)
	cl := client(t, c)
	half := sendHeader("orders", nil)
	half.Batch, half.SysFlag = true, remoting.FlagPrepared
	delayed := sendHeader("orders", map[string]string{"DELAY": "1"})
	delayed.Batch = true
	otherQueue := sendHeader("orders", nil)
	otherQueue.QueueID = 2

	for name, test := range map[string]struct {
		command *remoting.Command
		code    int
		remark  string
	}{
		"body over the limit":         {message("orders", strings.Repeat("x", 1001), nil), remoting.MessageIllegal, "body length limit 1000B"},
		"batch over the limit":        {batchOf(t, "orders", strings.Repeat("x", 500), strings.Repeat("y", 500)), remoting.SystemError, "message body size exceeded"},
		"properties over the limit":   {message("orders", "a", map[string]string{"p": strings.Repeat("x", 32760)}), remoting.MessageIllegal, ""},
		"batch to a retry topic":      {batchOf(t, "%RETRY%readers", "a"), remoting.MessageIllegal, "batch request does not support retry group"},
		"batch with a delay":          {remoting.NewRequest(remoting.SendMessage, delayed, batchBody(t, "a")), remoting.MessageIllegal, ""},
		"batch of halves":             {remoting.NewRequest(remoting.SendMessage, half, batchBody(t, "a")), remoting.MessageIllegal, ""},
		"batch that is cut off":       {withBody(batchOf(t, "orders", "abc"), func(b []byte) []byte { return b[:len(b)-3] }), remoting.SystemError, ""},
		"delay that is no number":     {message("orders", "a", map[string]string{"DELAY": "x"}), remoting.SystemError, "NumberFormatException"},
		"no body":                     {message("orders", "", nil), remoting.SystemError, ""},
		"queue that is not there":     {remoting.NewRequest(remoting.SendMessage, otherQueue, []byte("a")), 29, "queueId[2] is illegal"},
		"topic with an odd character": {message("a b", "a", nil), 29, "illegal characters"},
		"topic without a name":        {message("", "a", nil), 29, "blank"},
		"topic with a long name":      {message(strings.Repeat("x", 128), "a", nil), 29, "too long"},
		"system topic":                {message("SCHEDULE_TOPIC_XXXX", "a", nil), remoting.NoPermission, "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			response := send(t, c, cl, test.command)
			require.Equal(t, test.code, response.Code, response.Remark)
			require.Contains(t, response.Remark, test.remark)
			require.Equal(t, response.Code != remoting.SystemError, response.Ext["MSG_REGION"] != "", "an exception answers nothing else")
		})
	}
	require.Empty(t, c.Messages("orders"))
	mustSend(t, c, cl, message("orders", strings.Repeat("x", 1000), nil))
}

func withBody(c *remoting.Command, change func([]byte) []byte) *remoting.Command {
	c.Body = change(c.Body)
	return c
}

func TestTopicsAreCreatedByTheFirstSend(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	cl := client(t, c)
	require.Equal(t, remoting.TopicNotExist, code(t, cl, "orders"))
	route, err := cl.Route(soon(t), "TBW102")
	require.NoError(t, err)
	require.Len(t, route.Queues, 2)

	mustSend(t, c, cl, message("orders", "a", nil))
	route, err = cl.Route(soon(t), "orders")
	require.NoError(t, err)
	require.Equal(t, []remoting.QueueData{{Broker: "broker-a", ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6}}, route.Queues, "only where it was sent")

	withoutDefault := sendHeader("bills", nil)
	withoutDefault.DefaultTopic = ""
	response := send(t, c, cl, remoting.NewRequest(remoting.SendMessage, withoutDefault, []byte("a")))
	require.Equal(t, remoting.TopicNotExist, response.Code)
}

// code is what the name server answers for the route of a topic that it does not know.
func code(t *testing.T, cl *remoting.Client, topic string) int {
	t.Helper()
	_, err := cl.Route(soon(t), topic)
	return brokerCode(t, err)
}

func TestWithQueues(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithQueues(7))
	mustSend(t, c, client(t, c), message("orders", "a", nil))
	route, err := client(t, c).Route(soon(t), "orders")
	require.NoError(t, err)
	require.Len(t, route.WriteQueues("orders"), 7)
}

func TestWithoutAutoCreateTopics(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateTopics())
	cl := client(t, c)
	require.Equal(t, remoting.TopicNotExist, code(t, cl, "TBW102"))
	require.Equal(t, remoting.TopicNotExist, send(t, c, cl, message("orders", "a", nil)).Code)
	c.CreateTopic("orders", 1)
	mustSend(t, c, cl, message("orders", "a", nil))
}

func TestSendToRetryTopic(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	retry := func(times, limit int) *remoting.Command {
		header := sendHeader("%RETRY%readers", map[string]string{"RETRY_TOPIC": "orders"})
		header.ReconsumeTimes, header.MaxReconsumeTimes = times, limit
		return remoting.NewRequest(remoting.SendMessage, header, []byte("a"))
	}
	mustSend(t, c, cl, retry(16, 16))
	require.Len(t, c.Messages("%RETRY%readers"), 1)
	require.Equal(t, 16, c.Messages("%RETRY%readers")[0].ReconsumeTimes)

	mustSend(t, c, cl, retry(17, 16))
	dead := c.Messages("%DLQ%readers")
	require.Len(t, dead, 1)
	require.Equal(t, "-1", dead[0].Properties["DELAY"])

	// Without a limit of the sender's the group's own counts.
	header := sendHeader("%RETRY%readers", nil)
	header.ReconsumeTimes = 17
	command := remoting.NewRequest(remoting.SendMessage, header, []byte("a"))
	delete(command.Ext, "maxReconsumeTimes")
	mustSend(t, c, cl, command)
	require.Len(t, c.Messages("%DLQ%readers"), 2)

	// A group that holds queue locks consumes in order: its retries are dead letters at once.
	lock(t, c, cl, "readers", "client-1", remoting.Queue{Topic: "orders", Broker: "broker-a", ID: 0})
	mustSend(t, c, cl, retry(1, 16))
	require.Len(t, c.Messages("%DLQ%readers"), 3)
}

func TestSendToRetryTopicOfUnknownGroup(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateGroups())
	require.Equal(t, remoting.GroupNotExist, send(t, c, client(t, c), message("%RETRY%readers", "a", nil)).Code)
}

func TestHalfMessageIsPutAside(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	where := mustSend(t, c, cl, message("orders", "a", map[string]string{"TRAN_MSG": "true", "PGROUP": "g", "UNIQ_KEY": "id"}))
	require.Empty(t, c.Messages("orders"))
	half := c.Messages("RMQ_SYS_TRANS_HALF_TOPIC")
	require.Len(t, half, 1)
	require.Equal(t, "orders", half[0].Properties["REAL_TOPIC"])
	require.Equal(t, "0", half[0].Properties["REAL_QID"])
	require.Equal(t, "id", half[0].Properties["__transactionId__"])
	require.Equal(t, half[0].OffsetMsgID, where.MsgID)

	// The flag alone, as the official client sets it for TRAN_MSG=1, is nobody's message.
	header := sendHeader("orders", map[string]string{"TRAN_MSG": "1"})
	header.SysFlag = remoting.FlagPrepared
	mustSend(t, c, cl, remoting.NewRequest(remoting.SendMessage, header, []byte("b")))
	require.Empty(t, c.Messages("orders"))
	require.Len(t, c.Messages("RMQ_SYS_TRANS_HALF_TOPIC"), 1)
}
