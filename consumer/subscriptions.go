package consumer

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// membership is who belongs to a group, as its brokers say.
type membership struct {
	brokers map[string]string        // a broker's address, by client id
	merged  map[string]subscriptions // what each broker holds for the group as a whole
}

// inspector asks about a consumer group. A broker tells which clients belong to a group, and
// holds one table of subscriptions for all of them, in which the newest of each topic has
// replaced the others: from it alone nobody can tell who subscribes what, and after two
// members have disagreed not even that they do. So each client is asked through its broker,
// as admin tools do; official clients of Java and Go answer.
type inspector interface {
	members(ctx context.Context) (membership, error)
	subscriptionsOf(ctx context.Context, broker, client string) (subscriptions, error)
}

// watch compares our subscriptions with those of the group's other members.
type watch struct {
	inspector inspector
	self      string // our client id
	ours      subscriptions
	bare      func(topic string) string
	interval  time.Duration

	// found is called after each look at which something differs, or no longer does; failed
	// after one that did not come about. Both may be nil.
	found  func([]Mismatch)
	failed func(error)

	known map[string]subscriptions // by client id; that of run or check alone

	mu      sync.Mutex
	current []Mismatch
	since   time.Time
}

// run looks at once, and then in every interval until ctx ends.
func (w *watch) run(ctx context.Context) {
	ticker := time.NewTicker(w.interval)
	defer ticker.Stop()
	for {
		w.look(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *watch) look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, max(w.interval, time.Second))
	defer cancel()
	mismatches, err := w.check(bounded)
	if err != nil {
		if ctx.Err() == nil && w.failed != nil {
			w.failed(err)
		}
		return // what was known stays
	}
	before := w.note(mismatches)
	if w.found != nil && (len(mismatches) > 0 || before > 0) {
		w.found(mismatches)
	}
}

func (w *watch) note(mismatches []Mismatch) (before int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before = len(w.current)
	w.current = mismatches
	switch {
	case len(mismatches) == 0:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = time.Now()
	}
	return before
}

// lasting returns what differs and since when something has; the zero time if nothing does.
func (w *watch) lasting() ([]Mismatch, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.current), w.since
}

// check looks once. It must not be called while run runs.
func (w *watch) check(ctx context.Context) ([]Mismatch, error) {
	members, err := w.inspector.members(ctx)
	if err != nil {
		return nil, err
	}
	delete(members.brokers, w.self)
	if len(members.brokers) == 0 {
		w.known = nil
		return nil, nil
	}
	silent := w.ask(ctx, members.brokers)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	var mismatches []Mismatch
	for _, client := range slices.Sorted(maps.Keys(w.known)) {
		mismatches = append(mismatches, compare(client, w.ours, w.known[client], w.bare)...)
	}
	if silent && len(mismatches) == 0 {
		mismatches = w.compareMerged(members.merged)
	}
	return mismatches, nil
}

// ask completes what is known of the clients: those that are new, and those that differed when
// they were last asked. silent says that some client did not answer.
func (w *watch) ask(ctx context.Context, brokers map[string]string) (silent bool) {
	known := map[string]subscriptions{}
	for client, broker := range brokers {
		if subs, ok := w.known[client]; ok && len(compare(client, w.ours, subs, w.bare)) == 0 {
			known[client] = subs
			continue
		}
		subs, err := w.inspector.subscriptionsOf(ctx, broker, client)
		if err != nil || len(subs) == 0 { // a client that has just begun may have none yet
			silent = true
			continue
		}
		known[client] = subs
	}
	w.known = known
	return silent
}

// compareMerged is for members that do not answer.
func (w *watch) compareMerged(merged map[string]subscriptions) []Mismatch {
	var all []Mismatch
	for _, broker := range slices.Sorted(maps.Keys(merged)) {
		for _, m := range compare("", w.ours, merged[broker], w.bare) {
			if !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}
