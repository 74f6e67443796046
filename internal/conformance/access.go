package conformance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var access = []Scenario{
	{Name: "SignedRequests", On: Strict, Queues: 1, Run: signedRequests},
	{Name: "UnsignedRequests", On: Strict, Queues: 1, Run: unsignedRequests},
	{Name: "WronglySignedRequests", On: Strict, Queues: 1, Run: wronglySignedRequests},
	{Name: "SignedByTheOfficialClient", On: Strict, Queues: 1, Run: signedByTheOfficialClient},
}

func signedRequests(t *testing.T, on *World) {
	id := newID()
	on.mustSend(message{body: "signed ✓", properties: map[string]string{"UNIQ_KEY": id, "KEYS": "✓"}})
	require.Equal(t, []string{"signed ✓"}, bodies(on.stored(on.topic)))
	on.eventually(func() bool { return len(on.found(id)) == 1 }, "found by a signed query")
	_, err := on.client.BrokerConfig(on.soon(), on.broker)
	require.NoError(t, err)
}

// requireNoAccess tries everything that a client may do as whom the cluster says.
func (on *World) requireNoAccess(t *testing.T, as holdfast.Cluster) {
	t.Helper()
	client := remoting.NewClient(as)
	defer client.Close()
	for name, request := range map[string]*remoting.Command{
		"send":   on.request(message{body: "x"}),
		"batch":  on.batch(message{}, entry("x", nil)),
		"pull":   on.pullRequest(pull{}),
		"query":  remoting.NewRequest(remoting.QueryMessage, remoting.QueryMessageHeader{Topic: on.topic, Key: "k", MaxNum: 1, UniqueKeyQuery: true}, nil),
		"commit": remoting.NewRequest(remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: on.group, Topic: on.topic}, nil),
		"back":   on.sendBackRequest(remoting.SendBackHeader{}),
		"topic":  remoting.NewRequest(remoting.UpdateAndCreateTopic, remoting.CreateTopicHeader{Topic: on.topic, ReadQueueNums: 2, WriteQueueNums: 2, Perm: 6}, nil),
		"config": remoting.NewRequest(remoting.GetBrokerConfig, nil, nil),
	} {
		answer, err := client.Call(on.soon(), on.broker, request)
		require.NoError(t, err, name)
		require.Equal(t, remoting.NoPermission, answer.Code, "%s: %s", name, answer.Remark)
	}
	require.Empty(t, on.stored(on.topic))

	_, err := client.Route(on.soon(), on.topic)
	require.NoError(t, err, "a name server asks nobody")
}

func unsignedRequests(t *testing.T, on *World) {
	as := on.Cluster()
	as.AccessKey, as.SecretKey = "", ""
	on.requireNoAccess(t, as)
}

func wronglySignedRequests(t *testing.T, on *World) {
	as := on.Cluster()
	as.SecretKey += "x"
	on.requireNoAccess(t, as)
	as = on.Cluster()
	as.AccessKey += "x"
	on.requireNoAccess(t, as)
}

func signedByTheOfficialClient(t *testing.T, on *World) {
	_, err := on.producer().SendSync(on.soon(), on.official("signed"))
	require.NoError(t, err)

	wrong := on.Cluster()
	wrong.SecretKey += "x"
	_, err = on.producerOf(wrong).SendSync(on.soon(), on.official("not signed"))
	require.ErrorContains(t, err, "CODE: 16")
	require.Equal(t, []string{"signed"}, bodies(on.stored(on.topic)))
}
