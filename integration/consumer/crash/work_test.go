package crash_test

import (
	"github.com/stretchr/testify/require"
)

// Handlers leave their work to a goroutine and return nil; the process is killed while the
// work goes on. Started with a bare go statement it is lost, with any client; started with
// holdfast.Go it is not.
func workBesideTheHandler(on *world) {
	const unfinished = 20
	reach := on.cluster.Holdfast()
	withGo := on.group(reach, whole, "holdfast.Go")
	bare := []*group{on.group(reach, raw, "raw, bare go"), on.group(reach, whole, "consumer, bare go", "-bare")}
	on.send(60, what{"beside": "yes"})
	on.send(unfinished, what{"beside": "yes", "take": "1h"})
	on.send(60, what{"beside": "yes"})

	first := withGo.start("-concurrency", "30")
	each(bare, func(g *group) {
		m := g.start("-concurrency", "30")
		g.eventually(func() bool { return len(g.acknowledged()) == g.size() }, "%s acknowledges everything", g.name)
		m.kill()
		require.Equal(g, unfinished, g.early(), "%s: acknowledged, not done", g.name)
		g.start("-quick")
		f := g.drain()
		require.Equal(g, unfinished, f.lost, g.name)
	})
	withGo.eventually(func() bool { return len(withGo.history().done) == 120 }, "what can be finished is")
	withGo.hasCommitted()
	withGo.requireNothingEarly()
	first.kill()
	withGo.start("-quick")
	withGo.requireTruth(withGo.drain())
}
