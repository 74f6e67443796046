package crash_test

import (
	"github.com/stretchr/testify/require"
)

// The broker is killed, and started again, while members work and copies are on their way.
func brokerKilledDuringRetries(on *world) {
	on.send(200, what{"take": "50ms", "fail": "1"})
	on.send(200, what{"take": "50ms"})
	groups := on.groups(on.cluster.Holdfast(), raw, guard, whole)
	each(groups, func(g *group) {
		g.start()
		g.eventually(func() bool { return len(g.copied()) >= 40 }, "%s: copies are stored", g.name)
	})
	broker := on.cluster.Master(0)
	require.NoError(on, broker.Kill())
	require.NoError(on, broker.Restart(on.soon()))
	each(groups, func(g *group) {
		g.requireNothingEarly()
		g.requireTruth(g.drain())
	})
}
