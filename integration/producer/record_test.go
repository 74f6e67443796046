package producer_test

import (
	"errors"
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// told is what a sender was told of a message.
type told int

const (
	acknowledged told = iota
	unknown
	notStored
)

func outcomeOf(err error) told {
	switch {
	case err == nil:
		return acknowledged
	case errors.Is(err, holdfast.ErrOutcomeUnknown):
		return unknown
	default:
		return notStored
	}
}

// record is what senders were told, by business id.
type record struct {
	mu   sync.Mutex
	told map[string]told
}

// note keeps the last outcome of a message.
func (r *record) note(id string, outcome told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told = map[string]told{}
	}
	r.told[id] = outcome
}

func (r *record) count(outcome told) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, t := range r.told {
		if t == outcome {
			n++
		}
	}
	return n
}

// figures is what senders were told, held against what is stored.
type figures struct {
	attempted    int
	acknowledged int
	lost         int // acknowledged, not stored
	duplicated   int // stored more than once
	extra        int // copies beyond the first
	recovered    int // unknown, stored
	unexpected   int // certainly not stored, stored
	apart        int // duplicated, under more than one UNIQ_KEY
	alien        int // stored, never sent
}

func (r *record) against(stored []*remoting.Message) figures {
	r.mu.Lock()
	defer r.mu.Unlock()
	copies := map[string]int{}
	ids := map[string]map[string]bool{}
	for _, m := range stored {
		id := keyOf(m)
		copies[id]++
		if ids[id] == nil {
			ids[id] = map[string]bool{}
		}
		ids[id][m.UniqueKey()] = true
	}

	f := figures{attempted: len(r.told)}
	for id, outcome := range r.told {
		n := copies[id]
		if n > 1 {
			f.duplicated++
			f.extra += n - 1
		}
		if len(ids[id]) > 1 {
			f.apart++
		}
		switch {
		case outcome == acknowledged:
			f.acknowledged++
			if n == 0 {
				f.lost++
			}
		case n > 0 && outcome == unknown:
			f.recovered++
		case n > 0:
			f.unexpected++
		}
		delete(copies, id)
	}
	f.alien = len(copies)
	return f
}

// String is the figures as a checker prints them.
func (f figures) String() string {
	return fmt.Sprintf("attempted %d acknowledged %d lost %d duplicated %d (+%d, under another UNIQ_KEY %d) recovered %d unexpected %d",
		f.attempted, f.acknowledged, f.lost, f.duplicated, f.extra, f.apart, f.recovered, f.unexpected)
}

// requireTruth holds the record against what is stored: nothing lost, nothing misreported,
// and duplicates under one UNIQ_KEY.
func (on *world) requireTruth(r *record) figures {
	on.Helper()
	f := r.against(on.stored())
	on.Logf("holdfast: %v", f)
	require.Zero(on, f.lost, "acknowledged and not stored")
	require.Zero(on, f.unexpected, "certainly not stored, and stored")
	require.Zero(on, f.apart, "duplicates under different UNIQ_KEYs")
	require.Zero(on, f.alien, "stored, and never sent")
	return f
}
