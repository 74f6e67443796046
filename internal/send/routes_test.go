package send

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// nameServer answers questions for routes over pipes.
type nameServer struct {
	mu     sync.Mutex
	routes map[string]*remoting.Route // by topic; what is not there does not exist
	silent bool
	asked  int
}

// put says how many queues each broker has for a topic.
func (n *nameServer) put(topic string, queues map[string]int) {
	route := &remoting.Route{}
	for broker, count := range queues {
		route.Brokers = append(route.Brokers, remoting.BrokerData{Name: broker, Addresses: map[string]string{remoting.MasterID: broker + ":1"}})
		route.Queues = append(route.Queues, remoting.QueueData{Broker: broker, WriteQueueNums: count, Perm: remoting.PermWrite})
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.routes == nil {
		n.routes = map[string]*remoting.Route{}
	}
	n.routes[topic] = route
}

func (n *nameServer) be(silent bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.silent = silent
}

func (n *nameServer) questions() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

func (n *nameServer) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go n.serve(theirs)
	return ours, nil
}

func (n *nameServer) serve(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		request, err := remoting.ReadFrame(r, remoting.DefaultFrameLimit)
		if err != nil {
			return
		}
		if response := n.answer(request); response != nil {
			frame, err := response.AppendFrame(nil)
			if err != nil {
				return
			}
			if _, err := conn.Write(frame); err != nil {
				return
			}
		}
	}
}

func (n *nameServer) answer(request *remoting.Command) *remoting.Command {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	if n.silent {
		return nil
	}
	route := n.routes[request.Ext["topic"]]
	if route == nil {
		return request.NewResponse(remoting.TopicNotExist, "no such topic")
	}
	response := request.NewResponse(remoting.Success, "")
	response.Body, _ = json.Marshal(route)
	return response
}

// withRoutes runs f in a bubble with routes that are refreshed from a name server.
func withRoutes(t *testing.T, fixed map[string][]remoting.Queue, f func(t *testing.T, r *Routes, n *nameServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nameServer{}
		client := remoting.NewClient(holdfast.Cluster{NameServers: []string{"names:9876"}}, remoting.WithDial(n.dial))
		r := NewRoutes(client, fixed)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { r.Run(ctx) })
		f(t, r, n)
		cancel()
		client.Close()
		r.Close()
		running.Wait()
	})
}

// count is how many queues of each broker there are.
func count(queues []remoting.Queue) map[string]int {
	counts := map[string]int{}
	for _, q := range queues {
		counts[q.Broker]++
	}
	return counts
}

func get(t *testing.T, r *Routes, topic string) *Route {
	t.Helper()
	route, err := r.Get(t.Context(), topic)
	require.NoError(t, err)
	return route
}

// refresh lets the background go round once.
func refresh() { time.Sleep(refreshEvery + refreshFloor) }

func TestAQueueIsKeptWhileItsBrokerIsAway(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 4, "b": 4})
		full := get(t, r, "orders")
		n.put("orders", map[string]int{"a": 4})
		refresh()
		route := get(t, r, "orders")
		require.Equal(t, map[string]int{"a": 4}, count(route.Queues))
		require.Equal(t, full.Widest, route.Widest)
		require.Equal(t, map[string]string{"a": "a:1", "b": "b:1"}, route.Masters)
		n.put("orders", map[string]int{})
		refresh()
		require.Equal(t, map[string]int{"a": 4}, count(get(t, r, "orders").Queues), "no queue at all is no news")
	})
}

// A broker that is there and has fewer queues than before would refuse the others.
func TestAQueueThatWasTakenAwayIsNotKept(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 8, "b": 8})
		get(t, r, "orders")
		n.put("orders", map[string]int{"a": 2})
		refresh()
		require.Equal(t, map[string]int{"a": 2, "b": 8}, count(get(t, r, "orders").Widest))
	})
}

func TestFixedQueuesAreThereFromTheStart(t *testing.T) {
	t.Parallel()
	fixed := map[string][]remoting.Queue{"orders": {{Topic: "orders", Broker: "b", ID: 0}, {Topic: "orders", Broker: "b", ID: 1}}}
	withRoutes(t, fixed, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 1})
		require.Equal(t, map[string]int{"a": 1, "b": 2}, count(get(t, r, "orders").Widest))
	})
}

// Until a topic exists the default topic stands for it, with as many queues as clients ask for.
func TestDefaultTopicStandsInUntilTheTopicExists(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		_, err := r.Get(t.Context(), "orders")
		require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.TopicNotExist})

		n.put("TBW102", map[string]int{"a": 8})
		require.Equal(t, map[string]int{"a": 4}, count(get(t, r, "orders").Queues))
		n.put("orders", map[string]int{"a": 2})
		refresh()
		require.Equal(t, map[string]int{"a": 2}, count(get(t, r, "orders").Widest), "it was created with fewer")
	})
}

// A name server that says nothing ends one question, not the refreshing.
func TestRefreshingOutlivesASilentNameServer(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 1})
		get(t, r, "orders")
		n.be(true)
		refresh()
		n.be(false)
		n.put("orders", map[string]int{"a": 1, "b": 1})
		time.Sleep(5 * refreshEvery)
		require.Equal(t, map[string]int{"a": 1, "b": 1}, count(get(t, r, "orders").Queues))
	})
}

func TestManyCallersShareOneQuestion(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 1})
		n.be(true)
		var callers sync.WaitGroup
		for range 10 {
			callers.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := r.Get(ctx, "orders")
				require.ErrorIs(t, err, context.DeadlineExceeded)
			})
		}
		callers.Wait()
		require.Equal(t, 1, n.questions())
	})
}

func TestStaleAsksSoonButNotAllTheTime(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 1})
		get(t, r, "orders")
		begun := n.questions()
		for range 1000 {
			r.Stale()
			time.Sleep(10 * time.Millisecond)
		}
		require.InDelta(t, 10, n.questions()-begun, 2, "once a second for 10 s")
	})
}

func TestClosedRoutesAskNothing(t *testing.T) {
	t.Parallel()
	withRoutes(t, nil, func(t *testing.T, r *Routes, n *nameServer) {
		n.put("orders", map[string]int{"a": 1})
		r.Close()
		_, err := r.Get(t.Context(), "orders")
		require.ErrorIs(t, err, remoting.ErrClientClosed)
		require.Zero(t, n.questions())
	})
}
