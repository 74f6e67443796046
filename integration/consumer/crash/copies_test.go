package crash_test

import (
	"sync/atomic"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// attempts is how the copies of a group's messages are interfered with on their way: those
// that the raw client has the broker make, and ours.
type attempts struct {
	seen, struck atomic.Int64
	strike       atomic.Pointer[fault.Action] // nil: let pass
}

func (g *group) attemptsThrough(proxy *faultproxy.Proxy) *attempts {
	a := &attempts{}
	decide := func(r *fault.Request) fault.Action {
		own := r.Kind == fault.SendBack && r.Group == g.name || r.Kind == fault.Send && r.Topic == retryOf+g.name
		if !own {
			return fault.Pass()
		}
		a.seen.Add(1)
		if action := a.strike.Load(); action != nil {
			a.struck.Add(1)
			return *action
		}
		return fault.Pass()
	}
	proxy.Intercept(fault.SendBack, decide)
	proxy.Intercept(fault.Send, decide)
	return a
}

func (a *attempts) begin(action fault.Action) { a.strike.Store(&action) }
func (a *attempts) end()                      { a.strike.Store(nil) }

// A member is killed when copies of its messages are stored and it does not know yet.
func killedWhenACopyIsStored(on *world) {
	const slots = 4
	on.send(200, what{"take": "50ms"})
	proxy := on.proxy()
	groups := on.groups(proxy.Holdfast(), raw, guard, whole)
	first, copies := map[*group]*member{}, map[*group]*attempts{}
	for _, g := range groups {
		first[g], copies[g] = g.start(), g.attemptsThrough(proxy)
		copies[g].begin(fault.DropResponse())
	}
	each(groups, (*group).hasCommitted)
	on.send(60, what{"fail": "1"})
	each(groups, func(g *group) {
		g.eventually(func() bool { return copies[g].struck.Load() >= slots && len(g.copied()) > 0 }, "%s: answers are lost", g.name)
		first[g].kill()
		copies[g].end()
		g.requireNothingEarly()

		g.start("-quick")
		f := g.drain()
		g.requireTruth(f)
		require.Positive(g, f.duplicated, "%s: a copy was stored of a message that was not acknowledged", g.name)
	})
}

// A member is killed when a copy is confirmed and the official client has not been answered.
func killedWhenACopyIsConfirmed(on *world) {
	on.send(200, what{"take": "50ms"})
	g := on.group(on.cluster.Holdfast(), guard, guard)
	first := g.start()
	g.hasCommitted()
	first.armAt(answered)
	first.says("armed")
	on.send(60, what{"fail": "1"})
	first.dies()
	g.requireNothingEarly()

	g.start("-quick")
	f := g.drain()
	g.requireTruth(f)
	require.Positive(g, f.duplicated, "a copy was stored of a message that was not acknowledged")
}

// The broker refuses copies, for as long as it takes the raw client to acknowledge all the
// same; a member is killed meanwhile.
func copiesRefused(on *world) {
	const failing = 40
	on.send(160, nil)
	on.send(failing, what{"fail": "1"})
	on.send(40, nil)
	proxy := on.proxy()
	each(on.groups(proxy.Holdfast(), raw, guard, whole), func(g *group) {
		copies := g.attemptsThrough(proxy)
		copies.begin(fault.Answer(remoting.SystemError, "scripted"))
		first := g.start("-concurrency", "60")
		g.eventually(func() bool { return copies.struck.Load() >= failing }, "%s: every copy is refused", g.name)
		g.hasCommitted()
		g.requireNothingEarly()
		first.kill()
		require.NotContains(g, g.history().done, "m160", "it fails")

		g.start("-concurrency", "60")
		if g.isOurs() {
			g.eventually(func() bool { return copies.struck.Load() >= 2*failing }, "%s: copies are refused again", g.name)
		} else {
			g.eventually(func() bool { return len(g.acknowledged()) == g.size() }, "%s acknowledges", g.name)
		}
		g.requireNothingEarly()
		copies.end()
		f := g.drain()
		g.requireTruth(f)
		if !g.isOurs() {
			require.Equal(g, failing, f.lost, "the raw client does not read whether its send-back was refused")
		}
	})
}
