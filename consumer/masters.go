package consumer

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	mastersAge      = 30 * time.Second // how long a route is believed, as the official client does
	mastersPatience = time.Second      // the wait for a newer one
	mastersRetry    = time.Second      // until it is asked for again
)

// masters knows the addresses of the masters of topics, by broker name. It asks when somebody
// wants to know, and runs nothing in the background.
type masters struct {
	client *remoting.Client

	mu    sync.Mutex
	known map[string]*mastersOf
}

// mastersOf is what is known of one topic. turn is held by who asks; the others wait.
type mastersOf struct {
	turn      chan struct{}
	addresses map[string]string
	fetched   time.Time
}

// of returns the masters of the first of the topics that has any. Brokers that were there
// before and are not in the route now are left in: their absence may be short. The map must
// not be changed.
func (m *masters) of(ctx context.Context, topics ...string) (map[string]string, error) {
	var first error
	for _, topic := range topics {
		addresses, err := m.ofOne(ctx, topic)
		if len(addresses) > 0 {
			return addresses, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

func (m *masters) ofOne(ctx context.Context, topic string) (map[string]string, error) {
	of := m.entry(topic)
	select {
	case of.turn <- struct{}{}:
		defer func() { <-of.turn }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if time.Since(of.fetched) < mastersAge {
		return of.addresses, nil
	}
	if len(of.addresses) > 0 { // name servers that do not answer must not hold up what is known
		short, cancel := context.WithTimeout(ctx, mastersPatience)
		defer cancel()
		ctx = short
	}
	route, err := m.client.Route(ctx, topic)
	if err != nil {
		if len(of.addresses) > 0 {
			of.fetched = time.Now().Add(mastersRetry - mastersAge)
			return of.addresses, nil
		}
		return nil, err
	}
	addresses := maps.Clone(of.addresses)
	if addresses == nil {
		addresses = map[string]string{}
	}
	for _, broker := range route.Brokers {
		if address := broker.Addresses[remoting.MasterID]; address != "" {
			addresses[broker.Name] = address
		}
	}
	of.addresses, of.fetched = addresses, time.Now()
	return addresses, nil
}

func (m *masters) entry(topic string) *mastersOf {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = map[string]*mastersOf{}
	}
	if m.known[topic] == nil {
		m.known[topic] = &mastersOf{turn: make(chan struct{}, 1)}
	}
	return m.known[topic]
}

// stale has the next who wants to know ask again.
func (m *masters) stale(ctx context.Context, topics ...string) {
	for _, topic := range topics {
		of := m.entry(topic)
		select {
		case of.turn <- struct{}{}:
			of.fetched = time.Time{}
			<-of.turn
		case <-ctx.Done():
		}
	}
}

// pick chooses home if it is there, else another broker in order of names; avoid comes last.
func pick(addresses map[string]string, home, avoid string) (broker, address string) {
	if address = addresses[home]; address != "" && home != avoid {
		return home, address
	}
	for _, name := range slices.Sorted(maps.Keys(addresses)) {
		if name != avoid {
			return name, addresses[name]
		}
	}
	return avoid, addresses[avoid]
}
