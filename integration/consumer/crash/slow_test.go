package crash_test

import (
	"github.com/stretchr/testify/require"
)

// Handlers take longer than the official client waits for them: it has the broker deliver
// their messages to somebody else, and they are handled twice. Guard and Consumer keep them.
func slowerThanTheClientsTimeout(on *world) {
	on.send(16, what{"take": "4s"})
	on.send(40, nil)
	each(on.timed(), func(g *group) {
		g.start("-concurrency", "20")
		f := g.drain()
		g.requireTruth(f)
		if g.isOurs() {
			require.Zero(g, f.duplicated, g.name)
			require.Equal(g, g.history().began, g.history().done, "%s: one run each", g.name)
		} else {
			require.Positive(g, f.duplicated, "the raw client sends back what is being handled")
		}
	})
}

// timed are groups whose official client has a timeout of a second, where it can be set.
func (on *world) timed() []*group {
	reach := on.cluster.Holdfast()
	return []*group{
		on.group(reach, raw, raw, "-consume-timeout", "1s"),
		on.group(reach, guard, guard, "-consume-timeout", "1s"),
		on.group(reach, whole, whole),
	}
}

// The same where the broker keeps no retries of the group, which it does not tell: it answers
// success. The raw client has then acknowledged what its handlers are still at, and a crash
// takes it along.
func slowerThanTheClientsTimeoutAndKilled(on *world) {
	const slow = 8
	on.send(slow, what{"take": "1h"})
	groups := on.timed()
	first := map[*group]*member{}
	for _, g := range groups {
		g.configure("retryQueueNums", 0)
		first[g] = g.start("-concurrency", "20")
	}
	each(groups, func(g *group) {
		g.eventually(func() bool { return len(g.history().began) == slow }, "%s is at work", g.name)
	})
	// What is sent back lets the offsets go on when something behind it is handled. When the raw
	// client's have, ours have had the time to.
	on.eventually(func() bool {
		on.send(queues, nil)
		return len(groups[0].acknowledged()) > slow+queues
	}, "the raw client acknowledges what its handlers are at")
	each(groups, func(g *group) {
		g.eventually(func() bool { return len(g.history().done) == g.size()-slow }, "%s handles the others", g.name)
		g.requireNothingEarly()
		first[g].kill()
		g.requireNothingEarly()

		g.start("-quick")
		f := g.drain()
		g.requireTruth(f)
		if !g.isOurs() {
			require.Positive(g, f.lost, "the raw client took messages away from their handlers")
		}
	})
}
