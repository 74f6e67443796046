package rmqtest

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const readBuffer = 16 << 10

// session is one connection of a client.
type session struct {
	server *server
	life   *life
	conn   net.Conn
	remote netip.AddrPort
	ctx    context.Context
	end    context.CancelFunc

	writing sync.Mutex
	frame   []byte // reused by every write

	opaque  atomic.Int32 // of our own requests
	mu      sync.Mutex
	waiting map[int32]chan *remoting.Command
}

func newSession(s *server, l *life, conn net.Conn) *session {
	session := &session{server: s, life: l, conn: conn, waiting: map[int32]chan *remoting.Command{}}
	session.remote = conn.RemoteAddr().(*net.TCPAddr).AddrPort()
	session.ctx, session.end = context.WithCancel(l.ctx)
	return session
}

func (s *session) read() {
	defer s.finish()
	r := bufio.NewReaderSize(s.conn, readBuffer)
	for {
		command, err := remoting.ReadFrame(r, 0)
		if err != nil || !s.server.gate.pass(s.ctx) {
			return
		}
		if command.IsResponse() {
			s.settle(command)
			continue
		}
		c := &call{session: s, request: command}
		if s.server.script.watches(fault.KindOf(command.Code)) {
			s.life.tasks.Go(c.scripted)
			continue
		}
		c.handle()
	}
}

func (s *session) finish() {
	s.close(false)
	s.life.mu.Lock()
	delete(s.life.sessions, s)
	s.life.mu.Unlock()
	if s.server.closed != nil {
		s.server.closed(s)
	}
}

// close ends the connection; with abort the peer sees a reset.
func (s *session) close(abort bool) {
	s.end()
	if tcp, ok := s.conn.(*net.TCPConn); ok && abort {
		_ = tcp.SetLinger(0)
	}
	_ = s.conn.Close()
}

// write sends a command. An error ends the connection, which is all that anybody could do.
func (s *session) write(command *remoting.Command) {
	if !s.server.gate.pass(s.ctx) {
		return
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	frame, err := command.AppendFrame(s.frame[:0])
	if err == nil {
		s.frame = frame
		_, err = s.conn.Write(frame)
	}
	if err != nil {
		s.close(false)
	}
}

// notify sends a request that nobody answers, without waiting for the client to read it.
func (s *session) notify(request *remoting.Command) {
	request.SetOneWay()
	request.Opaque = s.opaque.Add(1)
	s.life.tasks.Go(func() { s.write(request) })
}

// ask sends a request to the client and returns its answer; nil if there was none in time.
func (s *session) ask(request *remoting.Command, timeout time.Duration) *remoting.Command {
	request.Opaque = s.opaque.Add(1)
	answer := make(chan *remoting.Command, 1)
	s.mu.Lock()
	s.waiting[request.Opaque] = answer
	s.mu.Unlock()
	s.write(request)

	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case response := <-answer:
		return response
	case <-timer.C:
	case <-s.ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiting, request.Opaque)
	return nil
}

func (s *session) settle(response *remoting.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if answer, ok := s.waiting[response.Opaque]; ok {
		delete(s.waiting, response.Opaque)
		answer <- response
	}
}
