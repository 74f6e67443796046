package official

import (
	"encoding/json"
	"net"
	"slices"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

func TestProducersNeverShareAClient(t *testing.T) {
	t.Parallel()
	b := broker(t, store)
	ns := nameServer(t, b.address)
	one, other := running(t, at(ns)), running(t, at(ns))
	for range 2 {
		_, err := one.SendSync(t.Context(), message())
		require.NoError(t, err)
		_, err = other.SendSync(t.Context(), message())
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, b.accepted.Load(), "one connection for each")

	want := []string{ClientID(one), ClientID(other)}
	slices.Sort(want)
	require.NotEqual(t, want[0], want[1])
	eventually(t, func() bool { return len(heartbeats(t, b)) == 2 }, "a heartbeat from each")
	require.Equal(t, want, heartbeats(t, b), "brokers know them by the ids that ClientID tells")
}

// heartbeats returns the ids of the clients that have sent one, sorted.
func heartbeats(t *testing.T, b *fake) (ids []string) {
	for _, c := range b.requests(remoting.HeartBeat) {
		var data struct {
			ClientID string `json:"clientID"`
		}
		require.NoError(t, json.Unmarshal(c.Body, &data))
		ids = append(ids, data.ClientID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func TestClientIDOfAnotherProducerIsUnknown(t *testing.T) {
	t.Parallel()
	require.Empty(t, ClientID(nil))
	p, err := NewProducer(holdfast.Cluster{NameServers: []string{"127.0.0.1:1"}}, "group", nil, 4096)
	require.NoError(t, err)
	require.NotEmpty(t, ClientID(p))
	require.NoError(t, p.Shutdown())
}

func TestASendIsOneAttempt(t *testing.T) {
	t.Parallel()
	b := broker(t, func(p peer, c *remoting.Command) { p.answer(c, remoting.SystemError, "", nil, nil) })
	p := running(t, at(nameServer(t, b.address)))
	_, err := p.SendSync(t.Context(), message())
	require.Error(t, err)
	require.Len(t, b.sends(), 1, "the raw client sends four times for this code")
}

// pick is a selector that says what it was given.
type pick func(msg *primitive.Message, queues []*primitive.MessageQueue) *primitive.MessageQueue

func (f pick) Select(msg *primitive.Message, queues []*primitive.MessageQueue, _ string) *primitive.MessageQueue {
	return f(msg, queues)
}

func TestTheSelectorDecides(t *testing.T) {
	t.Parallel()
	b := broker(t, store)
	p, err := NewProducer(at(nameServer(t, b.address)), "group", pick(func(_ *primitive.Message, queues []*primitive.MessageQueue) *primitive.MessageQueue {
		return &primitive.MessageQueue{Topic: "orders", BrokerName: queues[0].BrokerName, QueueId: 41}
	}), 4096)
	require.NoError(t, err)
	require.NoError(t, p.Start())
	defer func() { require.NoError(t, p.Shutdown()) }()
	_, err = p.SendSync(t.Context(), message())
	require.NoError(t, err)
	require.Equal(t, "41", b.sends()[0].Ext["queueId"])
}

func TestCredentialsSignBothWays(t *testing.T) {
	t.Parallel()
	b := broker(t, store)
	ns := nameServer(t, b.address)
	c := at(ns)
	c.AccessKey, c.SecretKey = "access", "secret"
	_, err := running(t, c).SendSync(t.Context(), message())
	require.NoError(t, err)
	for _, request := range []*remoting.Command{b.sends()[0], ns.requests(remoting.GetRouteInfoByTopic)[0]} {
		require.Equal(t, "access", request.Ext["AccessKey"])
		require.NotEmpty(t, request.Ext["Signature"])
	}
}

func TestTheNamespaceIsForTheGroupOnly(t *testing.T) {
	t.Parallel()
	b := broker(t, store)
	c := at(nameServer(t, b.address))
	c.Namespace = "ns"
	msg := message()
	_, err := running(t, c).SendSync(t.Context(), msg)
	require.NoError(t, err)
	require.Equal(t, "ns%group", b.sends()[0].Ext["producerGroup"])
	require.Equal(t, "orders", b.sends()[0].Ext["topic"], "topics are the caller's business")
	require.Equal(t, "orders", msg.Topic)
}

func TestEveryValidAddressIsAccepted(t *testing.T) {
	t.Parallel()
	require.Error(t, primitive.NamesrvAddr{"localhost:9876"}.Check(), "why there is a spelling")
	for _, address := range []string{
		"localhost:9876", "https-gateway.example.com:9876", "10.0.0.1:9876", "[::1]:9876",
		"[2001:db8:1:2:3:4:5:6]:9876", "namesrv-10.0.0.1-10.0.0.2.example.com:9876",
	} {
		c := holdfast.Cluster{NameServers: []string{address}}
		require.NoError(t, c.Validate())
		p, err := NewProducer(c, "group", nil, 4096)
		require.NoError(t, err, address)
		require.NoError(t, p.Shutdown())
	}
}

func TestADNSNameIsDialled(t *testing.T) {
	t.Parallel()
	b := broker(t, store)
	_, port, err := net.SplitHostPort(nameServer(t, b.address).address)
	require.NoError(t, err)
	p := running(t, holdfast.Cluster{NameServers: []string{net.JoinHostPort("localhost", port)}})
	_, err = p.SendSync(t.Context(), message())
	require.NoError(t, err)
}

func TestNothingIsReadFromTheEnvironment(t *testing.T) {
	t.Setenv("NAMESRV_ADDR", "127.0.0.1:9876")
	_, err := NewProducer(holdfast.Cluster{}, "group", nil, 4096)
	require.ErrorContains(t, err, "official: producer: ")
}

func TestAGroupIsNeeded(t *testing.T) {
	t.Parallel()
	_, err := NewProducer(holdfast.Cluster{NameServers: []string{"127.0.0.1:1"}}, "", nil, 4096)
	require.ErrorContains(t, err, "group is empty")
}

func TestAProducerNeverStartedCanBeShutDown(t *testing.T) {
	t.Parallel()
	b := broker(t, store)
	ns := nameServer(t, b.address)
	other := running(t, at(ns))
	p, err := NewProducer(at(ns), "group", nil, 4096)
	require.NoError(t, err)

	require.NoError(t, p.Shutdown())
	require.NoError(t, p.Shutdown(), "a second time changes nothing")

	_, err = other.SendSync(t.Context(), message())
	require.NoError(t, err, "one of the same group is not disturbed")
}
