package producer_test

import (
	"errors"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// requireNothingSent wants a send to be refused in clear words, for certain and at once.
func (on *world) requireNothingSent(as holdfast.Cluster, words string) {
	on.Helper()
	proxy := on.proxy()
	requests := proxy.Inject(rmqtest.Send, rmqtest.Pass(), 0)
	as.NameServers = proxy.Holdfast().NameServers
	p := on.producerOf(as)

	_, err := p.Send(on.soon(), on.order("o-1"))

	on.Logf("%v", err)
	require.Equal(on, notStored, outcomeOf(err), "%v", err)
	refused := (*holdfast.BrokerError)(nil)
	require.True(on, errors.As(err, &refused), "%v", err)
	require.Equal(on, "broker-a", refused.Broker)
	require.Contains(on, refused.Remark, words)
	require.Equal(on, 1, requests.Hits(), "nobody will allow it")
	require.Empty(on, on.stored())
}

func noRightToSend(on *world) {
	words := "has no permission to access Topic:" + on.topic
	if on.is4x() {
		words = "No default permission for topic:" + on.topic
	}
	on.requireNothingSent(on.account(on.documented()[1]), words)
}

func wrongSecret(on *world) {
	as := on.account(on.documented()...)
	as.SecretKey += "x"
	on.requireNothingSent(as, "signature failed")
}

func unknownAccount(on *world) {
	as := on.cluster.Holdfast()
	as.AccessKey, as.SecretKey = "nobody-knows", "nobody-knows"
	words := "User:nobody-knows is not found"
	if on.is4x() {
		words = "No acl config for nobody-knows"
	}
	on.requireNothingSent(as, words)
}

func noAccount(on *world) {
	as := on.cluster.Holdfast()
	as.AccessKey, as.SecretKey = "", ""
	words := "username cannot be null"
	if on.is4x() {
		words = "No accessKey is configured"
	}
	on.requireNothingSent(as, words)
}

// Without the right to look up, a message whose answers are lost stays unknown, though it is
// stored and could have been found; and Resolve says why it cannot answer.
func noRightToLookUp(on *world) {
	proxy := on.proxy()
	as := on.account(cluster.Pub)
	as.NameServers = proxy.Holdfast().NameServers
	p := on.producerOf(as, impatient, producer.WithAttempts(3))
	storeOnce(proxy, "lost")

	msg := on.order("lost")
	_, err := p.Send(on.soon(), msg)
	require.Equal(on, unknown, outcomeOf(err), "%v", err)
	on.untilSent(p, on.order("cover"))

	resolution, _, err := p.Resolve(on.soon(), on.topic, uniqueKey(msg))
	require.Equal(on, producer.NotFound, resolution)
	refused := (*holdfast.BrokerError)(nil)
	require.True(on, errors.As(err, &refused), "%v", err)
	on.Logf("%v", err)
}

// A 4.x broker checks the signature of a batch, and asks for no right to its topic.
func batchesAreNotChecked(on *world) {
	as := on.account()
	_, err := on.producerOf(as).SendSync(on.soon(), on.orders("b-", 2)...)
	require.NoError(on, err)
	require.Len(on, on.stored(), 2)

	as.SecretKey += "x"
	_, err = on.producerOf(as).SendSync(on.soon(), on.orders("c-", 2)...)
	require.Equal(on, notStored, outcomeOf(err), "%v", err)
	require.Len(on, on.stored(), 2)
}
