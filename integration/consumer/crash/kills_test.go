package crash_test

import (
	"github.com/stretchr/testify/require"
)

// hasCommitted waits until the group's offsets, which the official client writes for the first
// time 10 s after its start, are past something: acknowledgements are at stake from then on.
func (g *group) hasCommitted() {
	g.Helper()
	g.eventually(func() bool { return len(g.acknowledged()) > 0 }, "%s acknowledges something", g.name)
}

// A member is killed in the middle of its work, or between the effect and the acknowledgement,
// twice, each time among others that are at work on something else.
func killedAt(on *world, point string) {
	on.send(400, what{"take": "100ms"})
	on.send(50, what{"take": "100ms", "fail": "1"})
	on.send(350, what{"take": "100ms"})
	each(on.groups(on.cluster.Holdfast(), raw, guard, whole), func(g *group) {
		first := g.start()
		g.hasCommitted()
		first.dieAt(point)
		g.requireNothingEarly()

		before := sum(g.history().done)
		second := g.start()
		g.eventually(func() bool { return sum(g.history().done) >= before+20 }, "%s goes on", g.name)
		second.dieAt(point)
		g.requireNothingEarly()

		g.start("-quick")
		g.requireTruth(g.drain())
	})
}

func (g *group) size() int { return len(g.positions()) }

// A member is told to end while handlers run, and killed before they have.
func killedWhileDraining(on *world) {
	on.send(40, nil)
	groups := on.groups(on.cluster.Holdfast(), raw, guard, whole)
	first := map[*group]*member{}
	for _, g := range groups {
		first[g] = g.start("-concurrency", "20")
	}
	each(groups, func(g *group) {
		g.eventually(func() bool { return len(g.acknowledged()) == 40 }, "%s: the first", g.name)
	})
	on.send(80, what{"take": "10s"})
	each(groups, func(g *group) {
		m := first[g]
		g.eventually(func() bool { return len(g.history().began) >= 60 }, "%s is at work", g.name)
		m.terminate()
		m.says("draining")
		_ = m.cmd.Process.Kill()
		m.ends() // the official client's Shutdown waits for nobody: it may have ended before
		require.Less(g, len(g.history().done), 60, "handlers were running")
		g.requireNothingEarly()

		g.start("-quick")
		g.requireTruth(g.drain())
	})
}

// A member is told to end, and left alone: what runs is finished and not done again by the
// next.
func drained(on *world) {
	on.send(120, what{"take": "3s"})
	each(on.groups(on.cluster.Holdfast(), raw, whole), func(g *group) {
		first := g.start("-concurrency", "20")
		g.eventually(func() bool { h := g.history(); return len(h.done) >= 40 && len(h.began) == len(h.done)+20 }, "%s is at work in every slot", g.name)
		first.terminate()
		first.leaves()
		h := g.history()
		g.Logf("%-22s left %d handlers unfinished", g.label+":", len(h.began)-len(h.done))
		g.requireNothingEarly()
		if g.isOurs() {
			require.Equal(g, h.began, h.done, "what was begun is finished")
			require.Len(g, g.acknowledged(), len(h.done), "and acknowledged")
		} else {
			require.Greater(g, len(h.began), len(h.done), "handlers are cut off")
		}

		g.start("-quick")
		f := g.drain()
		g.requireTruth(f)
		if g.isOurs() {
			require.Zero(g, f.duplicated, "%s: a drain leaves nothing to repeat", g.name)
		}
	})
}
