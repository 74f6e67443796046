package consumer

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func same(topic string) string { return topic }

func TestSubscriptionsAreComparedByWhatTheyTake(t *testing.T) {
	t.Parallel()
	ours := subscriptions{"orders": normalised("a||b", "TAG"), "refunds": normalised("*", ""), "%RETRY%g": "*"}
	for name, c := range map[string]struct {
		theirs subscriptions
		want   []Mismatch
	}{
		"the same":           {subscriptions{"orders": normalised("b || a|| b", ""), "refunds": normalised("", "TAG")}, nil},
		"other tags":         {subscriptions{"orders": "a", "refunds": "*"}, []Mismatch{{"c", "orders", "a || b", "a"}}},
		"a topic is missing": {subscriptions{"orders": "a || b"}, []Mismatch{{"c", "refunds", "*", ""}}},
		"a topic too many":   {subscriptions{"orders": "a || b", "refunds": "*", "more": "*"}, []Mismatch{{"c", "more", "", "*"}}},
		"another kind":       {subscriptions{"orders": normalised("x > 1", "SQL92"), "refunds": "*"}, []Mismatch{{"c", "orders", "a || b", "SQL92: x > 1"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, compare("c", ours, c.theirs, same))
		})
	}
	require.Equal(t, `client c takes "a" of topic "orders", we take nothing`, Mismatch{"c", "orders", "", "a"}.String())
	require.Equal(t, `some member takes nothing of topic "orders", we take "a"`, Mismatch{"", "orders", "a", ""}.String())
}

// fakeGroup is an inspector whose answers are given.
type fakeGroup struct {
	mu      sync.Mutex
	clients map[string]subscriptions // nil: does not answer
	merged  subscriptions
	err     error
	asked   map[string]int
}

func (g *fakeGroup) members(context.Context) (membership, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := membership{brokers: map[string]string{}, merged: map[string]subscriptions{"b": g.merged}}
	for client := range g.clients {
		m.brokers[client] = "b"
	}
	return m, g.err
}

func (g *fakeGroup) subscriptionsOf(_ context.Context, _, client string) (subscriptions, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked[client]++
	if g.clients[client] == nil {
		return nil, errors.New("it does not answer")
	}
	return g.clients[client], nil
}

func (g *fakeGroup) become(clients map[string]subscriptions, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.clients, g.err = clients, err
}

func watchOf(g *fakeGroup) *watch {
	g.asked = map[string]int{}
	return &watch{inspector: g, self: "self", ours: subscriptions{"orders": "a"}, bare: same, interval: time.Minute}
}

func TestWatchNamesTheClientThatDiffers(t *testing.T) {
	t.Parallel()
	g := &fakeGroup{clients: map[string]subscriptions{"self": {"orders": "x"}, "one": {"orders": "a"}, "two": {"orders": "b"}}, merged: subscriptions{"orders": "a"}}
	w := watchOf(g)
	for range 3 {
		found, err := w.check(t.Context())
		require.NoError(t, err)
		require.Equal(t, []Mismatch{{"two", "orders", "a", "b"}}, found)
	}
	require.Equal(t, map[string]int{"one": 1, "two": 3}, g.asked, "who agrees is asked once")
	delete(g.clients, "two")
	found, err := w.check(t.Context())
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestWatchFallsBackOnWhatTheBrokerHolds(t *testing.T) {
	t.Parallel()
	g := &fakeGroup{clients: map[string]subscriptions{"self": nil, "mute": nil}, merged: subscriptions{"orders": "b"}}
	found, err := watchOf(g).check(t.Context())
	require.NoError(t, err)
	require.Equal(t, []Mismatch{{"", "orders", "a", "b"}}, found)

	g.clients = map[string]subscriptions{"self": nil}
	found, err = watchOf(g).check(t.Context())
	require.NoError(t, err)
	require.Empty(t, found, "alone, what the broker holds is ours, or about to be")
}

func TestWatchKnowsSinceWhenSomethingDiffers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := &fakeGroup{clients: map[string]subscriptions{"two": {"orders": "b"}}}
		w := watchOf(g)
		var told [][]Mismatch
		var failures int
		w.found = func(m []Mismatch) { told = append(told, m) }
		w.failed = func(error) { failures++ }
		begin := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.run(ctx)
		}()
		time.Sleep(90 * time.Second)
		synctest.Wait()
		found, since := w.lasting()
		require.Len(t, found, 1)
		require.Equal(t, begin, since)
		require.Len(t, told, 2)

		g.become(nil, errors.New("nobody answers"))
		time.Sleep(time.Minute)
		synctest.Wait()
		_, since = w.lasting()
		require.Equal(t, begin, since, "what was known stays")
		require.Equal(t, 1, failures)

		g.become(nil, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		found, since = w.lasting()
		require.Empty(t, found)
		require.Zero(t, since)
		require.Len(t, told, 3)
		require.Empty(t, told[2], "that it is over is told once")
		cancel()
		<-done
	})
}
