package crash_test

import (
	"strings"

	"github.com/stretchr/testify/require"
)

// A member that consumes in order is killed in the middle of its work: the next goes on with
// the same message, and no effect comes before that of a message in front of it.
func killedInOrder(on *world) {
	on.send(240, what{"take": "200ms"})
	on.send(8, what{"take": "200ms", "fail": "1"})
	on.send(152, what{"take": "200ms"})
	reach := on.cluster.Holdfast()
	var groups []*group
	for _, side := range []string{raw, guard, whole} {
		groups = append(groups, on.group(reach, side, side, "-in-order"))
	}
	each(groups, func(g *group) {
		first := g.start()
		g.hasCommitted()
		first.dieAt(afterEffect)
		g.requireNothingEarly()

		g.start("-quick")
		f := g.drain()
		g.requireTruth(f)
		if g.isOurs() {
			g.requireOrder()
		}
	})
}

// requireOrder holds the effects, repeated ones folded, against the queues.
func (g *group) requireOrder() {
	g.Helper()
	at := map[string]position{}
	for p, id := range g.positions() {
		at[id] = p
	}
	next := map[int]int64{}
	for line := range strings.Lines(g.text()) {
		fields := strings.Fields(line)
		if fields[0] != "done" {
			continue
		}
		p := at[fields[1]]
		require.LessOrEqual(g, p.offset, next[p.queue], "%s: the effect of %s comes before that of a message in front of it", g.name, fields[1])
		next[p.queue] = max(next[p.queue], p.offset+1)
	}
}
