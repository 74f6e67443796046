package faultproxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// Ports are taken from below the range that systems give to outgoing connections, so that
	// none of these takes the port of an endpoint that is stopped for a while.
	firstPort, lastPort = 10_000, 20_000
	portAttempts        = 200

	dialTimeout = 5 * time.Second
)

// Endpoint is where clients reach one name server or broker. It is safe for concurrent use.
type Endpoint struct {
	proxy    *Proxy
	broker   string // its name; empty for a name server
	upstream string
	address  string

	mu      sync.Mutex
	stop    context.CancelFunc // nil while stopped
	running sync.WaitGroup
}

func newEndpoint(p *Proxy, broker, upstream string) (*Endpoint, error) {
	e := &Endpoint{proxy: p, broker: broker, upstream: upstream}
	var err error
	for range portAttempts {
		e.address = fmt.Sprintf("127.0.0.1:%d", firstPort+rand.IntN(lastPort-firstPort))
		if err = e.Start(); err == nil {
			return e, nil
		}
	}
	return nil, fmt.Errorf("no free port for %s in %d attempts: %w", upstream, portAttempts, err)
}

// Address is host:port, the same for as long as the proxy lives.
func (e *Endpoint) Address() string { return e.address }

// Upstream is the address of the name server or broker itself.
func (e *Endpoint) Upstream() string { return e.upstream }

// Stop makes what is behind the endpoint unreachable: connections are closed and new ones
// refused. It returns when that is so; stopping twice does nothing.
func (e *Endpoint) Stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop == nil {
		return
	}
	e.stop()
	e.stop = nil
	e.running.Wait()
}

// Start undoes Stop; starting twice does nothing. The error says that the port is taken.
func (e *Endpoint) Start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stop != nil {
		return nil
	}
	listener, err := net.Listen("tcp4", e.address)
	if err != nil {
		return fmt.Errorf("faultproxy: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = cancel
	e.running.Go(func() {
		<-ctx.Done()
		_ = listener.Close()
	})
	e.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			e.running.Go(func() { e.serve(ctx, client) })
		}
	})
	return nil
}

// serve joins a client's connection with one of its own to upstream. Where there is none to
// be had the client's is reset.
func (e *Endpoint) serve(ctx context.Context, client net.Conn) {
	upstream, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", e.upstream)
	if err != nil {
		reset(client)
		return
	}
	l := &link{endpoint: e, client: client, upstream: upstream, pending: map[int32]exchange{}}
	l.ctx, l.end = context.WithCancel(ctx)
	e.running.Go(func() {
		<-l.ctx.Done()
		_ = client.Close()
		_ = upstream.Close()
	})
	e.running.Go(l.requests)
	l.responses()
}

// reset closes a connection so that its peer sees a reset.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
