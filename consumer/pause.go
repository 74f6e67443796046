package consumer

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A gate stands before one handler. A verdict of Pause shuts it for everything that has not
// begun; then one message at a time is let through to see whether the handler works again,
// after growing delays. Whatever waits at it keeps its slot, so that the official client's own
// flow control stops pulling.
//
// Runs that began before the gate was shut end after it:
//
//	run A             run B              gate
//	begins            begins             open
//	ends: Pause                          shut, first probe due in 1 s
//	                  ends: nil          stays shut: B says nothing of after A
//	                  or ends: Pause     stays shut, the probe is not put off
//
// Only the one probe opens it or puts the next probe off.
type gate struct {
	after  func(failures int) time.Duration
	logger *slog.Logger

	shut atomic.Bool // written under mu; read without, by every message

	mu       sync.Mutex
	changed  chan struct{} // closed, and replaced, when waiting may end
	probing  bool
	due      time.Time // of the next probe, while none is under way
	failures int       // probes in vain
	since    time.Time
}

func newGate(s *settings) *gate {
	return &gate{after: s.after, logger: s.logger, changed: make(chan struct{})}
}

// pass is leave to run a handler, to be given back with leave.
type pass struct{ probe bool }

// enter waits until the handler may run. It gives up when stop is closed, or after limit if
// that is above 0.
func (g *gate) enter(stop <-chan struct{}, limit time.Duration) (pass, bool) {
	if !g.shut.Load() {
		return pass{}, true
	}
	return g.waitAtIt(stop, limit)
}

func (g *gate) waitAtIt(stop <-chan struct{}, limit time.Duration) (pass, bool) {
	var expired <-chan time.Time
	if limit > 0 {
		t := time.NewTimer(limit)
		defer t.Stop()
		expired = t.C
	}
	for {
		p, in, changed, due := g.look()
		if in {
			return p, true
		}
		if !wait(changed, due, expired, stop) {
			return pass{}, false
		}
	}
}

// look says whether to go in, and otherwise what to wait for: a change or, after due if that
// is above 0, the next probe.
func (g *gate) look() (p pass, in bool, changed <-chan struct{}, due time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut.Load() {
		return pass{}, true, nil, 0
	}
	if g.probing {
		return pass{}, false, g.changed, 0
	}
	if due = time.Until(g.due); due > 0 {
		return pass{}, false, g.changed, due
	}
	g.probing = true
	return pass{probe: true}, true, nil, 0
}

// wait says whether to look again.
func wait(changed <-chan struct{}, due time.Duration, expired <-chan time.Time, stop <-chan struct{}) bool {
	var dueNow <-chan time.Time
	if due > 0 {
		t := time.NewTimer(due)
		defer t.Stop()
		dueNow = t.C
	}
	select {
	case <-changed:
	case <-dueNow:
	case <-expired:
		return false
	case <-stop:
		return false
	}
	return true
}

// What a run tells a gate.
type report int

const (
	noAnswer  report = iota // nothing about the dependency: cut off, or out of time
	answered                // it ended by itself, with an error or without
	mustPause               // it returned Pause
)

// leave ends a run that enter let through.
func (g *gate) leave(p pass, r report, reason error) {
	if !p.probe && r != mustPause {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case p.probe && r == answered:
		g.open()
	case p.probe:
		g.failures++
		g.probeLater()
		g.logger.Debug("the handler is still paused", "probes", g.failures, "for", time.Since(g.since), "error", reason)
	case !g.shut.Load():
		g.shut.Store(true)
		g.since, g.failures = time.Now(), 0
		g.probeLater()
		g.logger.Warn("the handler is paused: its messages wait, no attempt spent, until a probe ends without Pause", "error", reason)
	}
}

func (g *gate) open() {
	g.shut.Store(false)
	g.probing = false
	g.wake()
	g.logger.Info("the handler works again: its messages go on", "paused", time.Since(g.since))
}

func (g *gate) probeLater() {
	g.probing = false
	g.due = time.Now().Add(g.after(g.failures + 1))
	g.wake()
}

func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}
