package send

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	refreshEvery = 30 * time.Second // as the official client does
	refreshFloor = time.Second      // at most this often when something is wrong
	routeTimeout = 6 * time.Second

	// A topic that does not exist is created by the first send to it, on brokers that let
	// their default topic stand for it; clients use at most so many queues of it.
	defaultTopic  = "TBW102"
	defaultQueues = 4
)

// Route is where the messages of one topic can go. It does not change.
type Route struct {
	Queues []remoting.Queue // that can be written to now, sorted by broker and id

	// Widest is Queues and what brokers had that are away now, sorted too: a sharding key
	// keeps its queue while a broker is away.
	Widest []remoting.Queue

	// Masters are the addresses of the masters, by broker name, those away included.
	Masters map[string]string

	provisional bool // the default topic's, until the topic exists
	fetched     time.Time
}

// Routes is a cache of routes, filled on demand and refreshed in the background.
type Routes struct {
	client *remoting.Client
	fixed  map[string][]remoting.Queue

	mu      sync.RWMutex
	topics  map[string]*Route
	pending map[string]*fetching
	closed  bool
	nudge   chan struct{}

	background sync.WaitGroup
}

// fetching is one request for a route that any number of callers wait for.
type fetching struct {
	done  chan struct{}
	route *Route
	err   error
}

// NewRoutes makes an empty cache. fixed are queues, by topic, that Widest has whatever the
// name servers say.
func NewRoutes(client *remoting.Client, fixed map[string][]remoting.Queue) *Routes {
	return &Routes{
		client: client, fixed: fixed,
		topics: map[string]*Route{}, pending: map[string]*fetching{}, nudge: make(chan struct{}, 1),
	}
}

// Get returns the route of a topic, asking the name servers the first time. Many callers
// share one question, which goes on when one of them gives up. The error is a
// *holdfast.BrokerError with TopicNotExist if there is neither the topic nor a default one.
func (r *Routes) Get(ctx context.Context, topic string) (*Route, error) {
	if route := r.Cached(topic); route != nil {
		if route.provisional && time.Since(route.fetched) > refreshFloor {
			r.Stale()
		}
		return route, nil
	}
	f := r.fetch(topic)
	select {
	case <-f.done:
		return f.route, f.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Cached returns the route of a topic if it is known, else nil.
func (r *Routes) Cached(topic string) *Route {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.topics[topic]
}

func (r *Routes) fetch(topic string) *fetching {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.pending[topic]; f != nil {
		return f
	}
	f := &fetching{done: make(chan struct{}), err: remoting.ErrClientClosed}
	if r.closed {
		close(f.done)
		return f
	}
	r.pending[topic] = f
	r.background.Go(func() {
		f.route, f.err = r.ask(context.Background(), topic)
		r.mu.Lock()
		delete(r.pending, topic)
		r.mu.Unlock()
		close(f.done)
	})
	return f
}

// Stale says that a route may have changed: the routes are asked for again soon.
func (r *Routes) Stale() {
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// Run refreshes the routes until ctx ends.
func (r *Routes) Run(ctx context.Context) {
	ticker := time.NewTicker(refreshEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.nudge:
		case <-ctx.Done():
			return
		}
		for _, topic := range r.known() {
			_, _ = r.ask(ctx, topic) // what cannot be had now is as it was
		}
		select { // a nudge that comes meanwhile waits
		case <-time.After(refreshFloor):
		case <-ctx.Done():
			return
		}
	}
}

// Close returns when no question is under way, and lets none begin. Close the client first,
// which ends them.
func (r *Routes) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.background.Wait()
}

func (r *Routes) known() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	topics := make([]string, 0, len(r.topics))
	for topic := range r.topics {
		topics = append(topics, topic)
	}
	return topics
}

func (r *Routes) ask(ctx context.Context, topic string) (*Route, error) {
	ctx, cancel := context.WithTimeout(ctx, routeTimeout)
	defer cancel()
	answer, err := r.client.Route(ctx, topic)
	provisional := false
	if errors.Is(err, &holdfast.BrokerError{Code: remoting.TopicNotExist}) {
		standIn, failure := r.client.Route(ctx, defaultTopic)
		if failure == nil {
			answer, err, provisional = standIn, nil, true
		}
	}
	if err != nil {
		return nil, err
	}

	queues := answer.WriteQueues(topic)
	if provisional {
		queues = slices.DeleteFunc(queues, func(q remoting.Queue) bool { return q.ID >= defaultQueues })
	}
	return r.keep(topic, answer, queues, provisional), nil
}

// keep stores a route that was answered. One without any queue, or a default topic's after
// the topic's own, is what an absent broker looks like: the former queues stay.
func (r *Routes) keep(topic string, answer *remoting.Route, queues []remoting.Queue, provisional bool) *Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	former := r.topics[topic]
	if former != nil && (len(queues) == 0 || provisional && !former.provisional) {
		return former
	}

	route := &Route{Queues: queues, Widest: widest(queues, r.fixed[topic], former), Masters: map[string]string{}, provisional: provisional, fetched: time.Now()}
	if former != nil {
		for broker, address := range former.Masters {
			route.Masters[broker] = address
		}
	}
	for _, broker := range answer.Brokers {
		if address := broker.Addresses[remoting.MasterID]; address != "" {
			route.Masters[broker.Name] = address
		}
	}
	r.topics[topic] = route
	return route
}

// widest adds to the queues of now what absent brokers had. A broker that is there has what
// it says, also if that is fewer than before: what it would refuse is no queue to keep.
func widest(now, fixed []remoting.Queue, former *Route) []remoting.Queue {
	all := slices.Concat(now, fixed)
	if former != nil {
		for _, q := range former.Widest {
			if !slices.ContainsFunc(now, func(n remoting.Queue) bool { return n.Broker == q.Broker }) {
				all = append(all, q)
			}
		}
	}
	slices.SortFunc(all, remoting.Queue.Compare)
	return slices.Compact(all)
}
