package conformance

import (
	"bytes"
	"compress/zlib"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var refusals = []Scenario{
	{Name: "BodyLimit", Queues: 1, Run: bodyLimit},
	{Name: "PropertiesLimit", Queues: 1, Run: propertiesLimit},
	{Name: "EmptyBody", Queues: 1, Run: emptyBody},
	{Name: "QueueOutOfRange", Queues: 2, Run: queueOutOfRange},
	{Name: "ClosedTopics", Run: closedTopics},
	{Name: "LongTopic", Run: longTopic},
	{Name: "TopicPermissions", Queues: 1, Run: topicPermissions},
	{Name: "UnknownRequest", Run: unknownRequest},
}

// maxBody is the default maxMessageSize.
const maxBody = 4 << 20

func (on *World) requireRefused(code int, remark string, request *remoting.Command) {
	on.t.Helper()
	answer := on.do(request)
	require.Equal(on.t, code, answer.Code, answer.Remark)
	require.Contains(on.t, answer.Remark, remark)
}

func bodyLimit(t *testing.T, on *World) {
	on.requireRefused(remoting.MessageIllegal, "the message is illegal", on.request(message{body: strings.Repeat("x", maxBody+1)}))
	require.Empty(t, on.stored(on.topic))
	on.mustSend(message{body: strings.Repeat("x", maxBody)})
	require.Len(t, on.storedOne(on.topic).Body, maxBody)
}

// What the broker adds counts too: 32,767 bytes is the limit of what is stored.
func propertiesLimit(t *testing.T, on *World) {
	id := newID()
	on.mustSend(message{body: "x", properties: map[string]string{"UNIQ_KEY": id}})
	added := len(remoting.EncodeProperties(on.storedOne(on.topic).Properties))
	largest := 32767 - added - len("p\x01\x02")

	send := func(n int) *remoting.Command {
		return on.request(message{body: "x", properties: map[string]string{"UNIQ_KEY": id, "p": strings.Repeat("v", n)}})
	}
	on.must(send(largest))
	on.requireRefused(remoting.MessageIllegal, "the message is illegal", send(largest+1))
	require.Len(t, on.stored(on.topic), 2)
}

func emptyBody(t *testing.T, on *World) {
	answer := on.send(message{body: ""})
	require.Equal(t, remoting.SystemError, answer.Code, answer.Remark)
	require.Empty(t, on.stored(on.topic))
}

func queueOutOfRange(t *testing.T, on *World) {
	on.requireRefused(29, "request queueId[2] is illegal", on.request(message{queue: 2, body: "x"}))
	require.Empty(t, on.stored(on.topic))
}

func closedTopics(t *testing.T, on *World) {
	for _, topic := range []string{"SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT"} {
		on.requireRefused(remoting.NoPermission, "is forbidden", on.request(message{topic: topic, body: "x"}))
	}
}

func longTopic(t *testing.T, on *World) {
	name := on.topic + strings.Repeat("x", 127-len(on.topic))
	on.mustSend(message{topic: name, body: "just fits"})
	require.Equal(t, []string{"just fits"}, bodies([]*remoting.Message{on.storedOne(name)}))
	answer := on.send(message{topic: name + "x", body: "x"})
	require.Equal(t, 29, answer.Code, answer.Remark)
}

// The permission to write is for clients to obey, by the route; the one to read is enforced.
func topicPermissions(t *testing.T, on *World) {
	on.putTopic(on.topic, 1, remoting.PermRead)
	on.mustSend(message{body: "x"})
	require.Len(t, on.stored(on.topic), 1)

	on.putTopic(on.topic, 1, remoting.PermWrite)
	on.mustSend(message{body: "y"})
	on.requireRefused(remoting.NoPermission, "the topic["+on.topic+"] pulling message is forbidden", on.pullRequest(pull{}))
}

func unknownRequest(t *testing.T, on *World) {
	on.requireRefused(remoting.RequestCodeNotKnown, "not supported", remoting.NewRequest(31999, nil, nil))
	answer, err := on.client.Call(on.soon(), on.Cluster().NameServers[0], remoting.NewRequest(31999, nil, nil))
	require.NoError(t, err)
	require.Equal(t, remoting.RequestCodeNotKnown, answer.Code)
}

func deflated(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := w.Write([]byte(s))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.String()
}
