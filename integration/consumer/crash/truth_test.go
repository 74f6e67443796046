package crash_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/stretchr/testify/require"
)

// history is what the members of a group have done, of each message.
type history struct {
	began, done map[string]int
}

// text is the record of the group's members; none before the first has begun.
func (g *group) text() string {
	g.Helper()
	text, err := os.ReadFile(g.record)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(g, err)
	}
	return string(text)
}

func (g *group) history() history {
	g.Helper()
	h := history{map[string]int{}, map[string]int{}}
	for line := range strings.Lines(g.text()) {
		fields := strings.Fields(line)
		if !strings.HasSuffix(line, "\n") || len(fields) < 2 {
			continue // it is just being written
		}
		switch fields[0] {
		case "began":
			h.began[fields[1]]++
		case "done":
			h.done[fields[1]]++
		}
	}
	return h
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// figures hold what the group has acknowledged against the effects.
type figures struct {
	attempted    int // stored in the topic
	acknowledged int // the group's offsets are past them
	delivered    int // the effect was done
	lost         int // acknowledged; neither done, nor is there a copy that is yet to be
	duplicated   int // done more than once
	extra        int // effects beyond the first
	dead         int // among the dead letters
}

func (f figures) String() string {
	return fmt.Sprintf("attempted %d acknowledged %d delivered %d lost %d duplicated %d (+%d) dead letters %d",
		f.attempted, f.acknowledged, f.delivered, f.lost, f.duplicated, f.extra, f.dead)
}

// drain waits until a member that runs has drained everything, and returns what has become of
// it. From then on nothing comes any more: what is acknowledged and was not done is lost.
func (g *group) drain() figures {
	g.Helper()
	g.eventually(g.isDrained, "%s is drained", g.name)
	f := g.figures(nil)
	g.Logf("%-22s %v", g.label+":", f)
	return f
}

// figures takes copies for a hope.
func (g *group) figures(copies []string) figures {
	g.Helper()
	dead, err := g.stored(g.soon(), deadOf+g.name)
	require.NoError(g, err)
	hope := map[string]bool{}
	for _, m := range dead {
		hope[m.Properties["KEYS"]] = true
	}
	f := figures{dead: len(hope)}
	for _, id := range copies {
		hope[id] = true
	}
	acknowledged, h := g.acknowledged(), g.history()
	f.acknowledged, f.delivered = len(acknowledged), len(h.done)
	for _, id := range g.positions() {
		f.attempted++
		n := h.done[id]
		switch {
		case n > 1:
			f.duplicated++
			f.extra += n - 1
		case n == 0 && acknowledged[id] && !hope[id]:
			f.lost++
		}
	}
	return f
}

// early is how many messages the group has acknowledged that are not done and of which no
// copy is stored. What is acknowledged is looked at first: effects and copies only grow.
func (g *group) early() (n int) {
	g.Helper()
	acknowledged := g.acknowledged()
	safe := map[string]bool{}
	for _, id := range g.copied() {
		safe[id] = true
	}
	done := g.history().done
	for id := range acknowledged {
		if done[id] == 0 && !safe[id] {
			n++
		}
	}
	return n
}

// requireNothingEarly is the promise at any moment, whatever comes afterwards.
func (g *group) requireNothingEarly() {
	g.Helper()
	if g.isOurs() {
		require.Zero(g, g.early(), "%s: acknowledged, not done, and no copy stored", g.name)
	}
}

// requireTruth is the promise at the end.
func (g *group) requireTruth(f figures) {
	g.Helper()
	require.Equal(g, f.attempted, f.acknowledged, "%s is drained", g.name)
	if g.isOurs() {
		require.Zero(g, f.lost, "%s: acknowledged, and never done", g.name)
		require.Equal(g, f.attempted, f.delivered, g.name)
	}
}
