package conformance

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var sends = []Scenario{
	{Name: "SendStoresWhatItWasGiven", Queues: 2, Run: sendStoresWhatItWasGiven},
	{Name: "BrokerNamesAMessageWithoutAnID", Queues: 1, Run: brokerNamesAMessageWithoutAnID},
	{Name: "AnswersSayWhere", Queues: 2, Run: answersSayWhere},
	{Name: "QueueMayBeLeftToTheBroker", Queues: 2, Run: queueMayBeLeftToTheBroker},
	{Name: "BothHeaderSerialisations", Queues: 1, Run: bothHeaderSerialisations},
	{Name: "SameIDIsStoredTwice", Queues: 1, Run: sameIDIsStoredTwice},
	{Name: "CompressedBodyStaysCompressed", Queues: 1, Run: compressedBodyStaysCompressed},
}

// SEND_MESSAGE with long names and SEND_MESSAGE_V2 with short ones store the same.
func sendStoresWhatItWasGiven(t *testing.T, on *World) {
	m := message{
		queue: 1, body: "body ✓", flag: 7, reconsumeTimes: 3,
		properties: map[string]string{"UNIQ_KEY": newID(), "KEYS": "o-1 o-2", "TAGS": "paid", "own": "✓", "empty": ""},
	}
	header := on.header(m)
	header.BornTimestamp = 1700000000123
	long := remoting.NewRequest(remoting.SendMessage, header, []byte(m.body))
	short := remoting.NewRequest(remoting.SendMessageV2, nil, []byte(m.body))
	short.Ext = remoting.EncodeShortHeader(header)

	before := time.Now()
	for i, request := range []*remoting.Command{long, short} {
		where := on.where(on.must(request))
		stored := on.stored(on.topic)
		require.Len(t, stored, i+1)
		got := stored[i]

		require.Equal(t, where.MsgID, got.OffsetMsgID())
		require.Equal(t, on.topic, got.Topic)
		require.Equal(t, 1, got.QueueID)
		require.EqualValues(t, i, got.QueueOffset)
		require.Equal(t, m.body, string(got.Body))
		require.EqualValues(t, 7, got.Flag)
		require.Equal(t, 3, got.ReconsumeTimes)
		require.EqualValues(t, 1700000000123, got.BornTimestamp)
		require.WithinRange(t, time.UnixMilli(got.StoreTimestamp), before.Add(-time.Second), time.Now().Add(time.Second))
		require.Zero(t, got.SysFlag)
		require.Zero(t, got.PreparedOffset)
		require.True(t, got.BornHost.Addr().IsLoopback())

		want := maps.Clone(m.properties)
		delete(want, "empty")
		want["MSG_REGION"], want["TRACE_ON"], want["CLUSTER"] = "DefaultRegion", "true", "DefaultCluster"
		require.Equal(t, want, got.Properties)
	}
}

func brokerNamesAMessageWithoutAnID(t *testing.T, on *World) {
	answer := on.must(on.request(message{body: "x"}))
	stored := on.storedOne(on.topic)
	require.Regexp(t, "^[0-9A-F]{32,}$", stored.UniqueKey())
	require.Equal(t, stored.UniqueKey(), on.where(answer).TransactionID)
}

func answersSayWhere(t *testing.T, on *World) {
	for i := range 3 {
		id := newID()
		answer := on.must(on.request(message{queue: 1, body: "x", properties: map[string]string{"UNIQ_KEY": id}}))
		require.Equal(t, map[string]string{
			"msgId": on.where(answer).MsgID, "queueId": "1", "queueOffset": []string{"0", "1", "2"}[i], "transactionId": id,
			"MSG_REGION": "DefaultRegion", "TRACE_ON": "true",
		}, answer.Ext)
		host, offset, err := remoting.ParseOffsetMsgID(answer.Ext["msgId"])
		require.NoError(t, err)
		require.True(t, host.Addr().IsLoopback())
		require.Equal(t, on.stored(on.topic)[i].CommitLogOffset, offset)
	}
}

func queueMayBeLeftToTheBroker(t *testing.T, on *World) {
	used := map[int]bool{}
	on.eventually(func() bool {
		used[on.mustSend(message{queue: -1, body: "x"}).QueueID] = true
		return len(used) == 2
	}, "both queues used")
	require.Equal(t, map[int]bool{0: true, 1: true}, used)
}

func bothHeaderSerialisations(t *testing.T, on *World) {
	binary := remoting.NewClient(on.Cluster(), remoting.WithBinaryHeaders())
	defer binary.Close()
	request := on.request(message{body: "binary", properties: map[string]string{"KEYS": "✓"}})
	answer, err := binary.Call(on.soon(), on.broker, request)
	require.NoError(t, err)
	require.Equal(t, remoting.Success, answer.Code, answer.Remark)
	require.False(t, answer.Binary, "it answers in JSON")
	require.Equal(t, "✓", on.storedOne(on.topic).Properties["KEYS"])
	require.Equal(t, on.storedOne(on.topic).OffsetMsgID(), on.where(answer).MsgID)
}

// A broker does not look whether it has an id already: what is sent again is a duplicate, in
// the log and in the index.
func sameIDIsStoredTwice(t *testing.T, on *World) {
	m := message{body: "x", properties: map[string]string{"UNIQ_KEY": newID()}}
	first, second := on.mustSend(m), on.mustSend(m)
	require.NotEqual(t, first.MsgID, second.MsgID)
	require.Len(t, on.stored(on.topic), 2)
	on.eventually(func() bool { return len(on.found(m.properties["UNIQ_KEY"])) == 2 }, "both found under the id")
}

func compressedBodyStaysCompressed(t *testing.T, on *World) {
	body := strings.Repeat("orders ", 1000)
	on.mustSend(message{body: deflated(t, body), sysFlag: remoting.FlagCompressed})
	stored := on.storedOne(on.topic)
	require.Equal(t, remoting.FlagCompressed, stored.SysFlag)
	require.Less(t, len(stored.Body), len(body))
	payload, err := stored.Payload()
	require.NoError(t, err)
	require.Equal(t, body, string(payload))
}
