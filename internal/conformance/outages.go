package conformance

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Faults of whole nodes: everybody feels them.
var outages = []Scenario{
	{Name: "BrokerPaused", Queues: 1, Alone: true, Run: brokerPaused},
	{Name: "BrokerUnplugged", Queues: 1, Alone: true, Run: brokerUnplugged},
	{Name: "NameServerUnplugged", Queues: 1, Alone: true, Run: nameServerUnplugged},
	{Name: "BrokerKilled", Queues: 2, Alone: true, Run: brokerKilled},
}

// A broker that stands still keeps its connections; what was sent to it meanwhile is stored
// when it goes on, though the caller has given up.
func brokerPaused(t *testing.T, on *World) {
	on.mustSend(message{body: "before"})
	require.NoError(t, on.Pause(on.soon()))
	_, err := on.client.Call(on.within(shortly), on.broker, on.request(message{body: "meanwhile"}))
	resumed := on.Resume(on.soon())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NoError(t, resumed)
	on.eventually(func() bool { return len(on.stored(on.topic)) == 2 }, "stored late")
	on.mustSend(message{body: "after"})
	require.Equal(t, []string{"before", "meanwhile", "after"}, bodies(on.stored(on.topic)))
}

func brokerUnplugged(t *testing.T, on *World) {
	p := on.producer()
	_, err := p.SendSync(on.soon(), on.official("before"))
	require.NoError(t, err)
	waiting := on.pulling(pull{offset: 1, wait: shortly}) // answered, or cut off: either will do
	<-waiting

	require.NoError(t, on.Unplug(Broker))
	_, refused := on.client.Call(on.soon(), on.broker, on.request(message{body: "x"}))
	_, official := p.SendSync(on.soon(), on.official("x"))
	require.NoError(t, on.Plug(Broker))
	var transport *remoting.TransportError
	require.ErrorAs(t, refused, &transport)
	require.Error(t, official)

	on.mustSend(message{body: "after"})
	on.eventually(func() bool {
		_, err := p.SendSync(on.soon(), on.official("after too"))
		return err == nil
	}, "the official producer is connected again")
	require.Equal(t, []string{"before", "after", "after too"}, bodies(on.stored(on.topic)))
}

// Without a name server what has a route goes on; what has none cannot begin.
func nameServerUnplugged(t *testing.T, on *World) {
	p := on.producer()
	_, err := p.SendSync(on.soon(), on.official("before"))
	require.NoError(t, err)

	require.NoError(t, on.Unplug(NameServer))
	_, known := p.SendSync(on.soon(), on.official("meanwhile"))
	_, unknown := on.client.Route(on.soon(), on.topic)
	require.NoError(t, on.Plug(NameServer))
	require.NoError(t, known)
	require.Error(t, unknown)

	on.eventually(func() bool { return len(on.route(on.topic).Queues) == 1 }, "route")
	require.Equal(t, []string{"before", "meanwhile"}, bodies(on.stored(on.topic)))
}

// What was acknowledged survives; clients that were there go on.
func brokerKilled(t *testing.T, on *World) {
	p := on.producer()
	_, err := p.SendSync(on.soon(), on.official("before"))
	require.NoError(t, err)
	acknowledged := []string{"before"}
	for i, body := range numbered(20) {
		on.mustSend(message{queue: i % 2, body: body})
		acknowledged = append(acknowledged, body)
	}
	on.mustSend(message{body: "waits", properties: map[string]string{"DELAY": "2"}})
	acknowledged = append(acknowledged, "waits")
	require.Equal(t, []int{0}, on.locked("first", 0))

	require.NoError(t, on.Kill(on.soon()))
	_, err = on.client.Call(on.soon(), on.broker, on.request(message{body: "x"}))
	var transport *remoting.TransportError
	require.ErrorAs(t, err, &transport)
	on.eventually(func() bool { return len(on.route(on.topic).Queues) == 0 }, "it is in no route")
	require.NoError(t, on.Restart(on.soon()))
	require.Len(t, on.route(on.topic).WriteQueues(on.topic), 2)

	on.eventually(func() bool { return len(on.stored(on.topic)) == len(acknowledged) }, "the delayed one too")
	require.ElementsMatch(t, acknowledged, bodies(on.stored(on.topic)))
	require.Equal(t, []int{0}, on.locked("second", 0), "queue locks are not kept")
	on.eventually(func() bool {
		_, err := p.SendSync(on.soon(), on.official("after"))
		return err == nil
	}, "the official producer goes on")
}
