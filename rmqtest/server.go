package rmqtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// Ports are taken from below the range that systems give to outgoing connections, so that
	// none of these takes the port of a server that is stopped for a while.
	firstPort, lastPort = 10_000, 32_000

	portAttempts   = 200
	restartTimeout = 10 * time.Second
)

// server listens on one address, which it keeps when it is stopped and started again.
type server struct {
	script *script
	broker string                      // its name; empty for the name server
	handle func(*call)                 // answers, now or later
	admit  func(*call) (refusal, bool) // nil: everybody
	closed func(*session)              // nil, or told of every connection that ended

	gate gate

	changing sync.Mutex     // held while it is started or stopped
	address  netip.AddrPort // set by the first start
	mu       sync.Mutex
	life     *life // nil while stopped
}

// life is what runs between a start and a stop.
type life struct {
	ctx      context.Context
	end      context.CancelFunc
	listener net.Listener
	tasks    sync.WaitGroup

	mu       sync.Mutex
	sessions map[*session]struct{} // nil when it is over
}

// start listens; on the address of before, if there was one. Starting a server that runs
// does nothing.
func (s *server) start() error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.running() {
		return nil
	}
	listener, err := s.listen()
	if err != nil {
		return err
	}
	if !s.address.IsValid() {
		s.address = listener.Addr().(*net.TCPAddr).AddrPort()
	}
	l := &life{listener: listener, sessions: map[*session]struct{}{}}
	l.ctx, l.end = context.WithCancel(context.Background())
	s.mu.Lock()
	s.life = l
	s.mu.Unlock()
	s.gate.open()
	l.tasks.Go(func() { s.accept(l) })
	return nil
}

func (s *server) listen() (net.Listener, error) {
	if s.address.IsValid() {
		return listenAgain(s.address)
	}
	var err error
	for range portAttempts {
		var listener net.Listener
		port := firstPort + rand.IntN(lastPort-firstPort)
		if listener, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return listener, nil
		}
	}
	return nil, fmt.Errorf("rmqtest: no free port on 127.0.0.1 in %d attempts: %w", portAttempts, err)
}

func listenAgain(address netip.AddrPort) (net.Listener, error) {
	deadline := time.Now().Add(restartTimeout)
	for {
		listener, err := net.Listen("tcp4", address.String())
		if err == nil {
			return listener, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("rmqtest: %s was taken while its server was stopped: %w", address, err)
		}
		time.Sleep(5 * time.Millisecond) // another process may be using it for a moment
	}
}

func (s *server) accept(l *life) {
	for {
		conn, err := l.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(time.Millisecond) // out of files, most likely: the clients retry
			continue
		}
		l.admit(s, conn)
	}
}

func (l *life) admit(s *server, conn net.Conn) {
	session := newSession(s, l, conn)
	l.mu.Lock()
	if l.sessions == nil {
		l.mu.Unlock()
		_ = conn.Close()
		return
	}
	l.sessions[session] = struct{}{}
	l.mu.Unlock()
	l.tasks.Go(session.read)
}

// stop closes the listener and the connections, and returns when nothing runs any more. With
// abort the peers see a reset. Stopping a server that is stopped does nothing.
func (s *server) stop(abort bool) {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	l := s.life
	s.life = nil
	s.mu.Unlock()
	if l == nil {
		return
	}
	_ = l.listener.Close()
	l.end()
	l.mu.Lock()
	sessions := l.sessions
	l.sessions = nil
	l.mu.Unlock()
	for session := range sessions {
		session.close(abort)
	}
	l.tasks.Wait()
}

func (s *server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life != nil
}

func (s *server) addr() string { return s.address.String() }
