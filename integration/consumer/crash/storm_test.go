package crash_test

import (
	"github.com/stretchr/testify/require"
)

// Three members join and leave all the time, some asked to and some killed, while messages
// come in and some fail.
func rebalanceStorm(on *world) {
	const portions, portion = 10, 80
	groups := on.groups(on.cluster.Holdfast(), raw, whole)
	members := map[*group][]*member{}
	for _, g := range groups {
		members[g] = []*member{g.start(), g.start(), g.start()}
	}
	for n := range portions {
		on.send(portion-4, what{"take": "20ms"})
		on.send(4, what{"take": "20ms", "fail": "1"})
		each(groups, func(g *group) {
			g.eventually(func() bool { return len(g.history().done) >= n*portion }, "%s keeps up", g.name)
			m := members[g][n%3]
			if n%2 == 0 {
				m.kill()
			} else {
				m.terminate() // and is still there for a while
			}
			g.requireNothingEarly()
			members[g][n%3] = g.start()
		})
	}
	each(groups, func(g *group) {
		g.eventually(func() bool { return len(g.history().done) == g.size() || !g.isOurs() }, "%s has done everything", g.name)
		for _, m := range members[g] {
			m.terminate()
			m.ends()
		}
		g.start()
		f := g.drain()
		g.requireTruth(f)
		require.Equal(g, portions*portion, f.attempted)
	})
}
