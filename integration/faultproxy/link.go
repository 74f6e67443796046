package faultproxy

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// frameLimit is above what brokers send and take by default.
const frameLimit = 64 << 20

// link is one client's connection and the one to upstream that belongs to it. Frames keep
// their order in both directions, except those that a fault delays.
type link struct {
	endpoint *Endpoint
	client   net.Conn
	upstream net.Conn

	ctx context.Context
	end context.CancelFunc

	toClient, toUpstream sync.Mutex // one frame at a time

	mu      sync.Mutex
	pending map[int32]exchange // requests that upstream has, by opaque
}

// exchange is a request and what is to be done about it.
type exchange struct {
	request *remoting.Command
	plan    fault.Plan
}

// frame is one frame as it came; command is nil if it could not be read.
type frame struct {
	raw     []byte
	command *remoting.Command
}

func readFrame(r io.Reader) (frame, error) {
	raw := make([]byte, 4)
	if _, err := io.ReadFull(r, raw); err != nil {
		return frame{}, err
	}
	length := binary.BigEndian.Uint32(raw)
	if length > frameLimit {
		return frame{}, remoting.ErrFrameTooLarge
	}
	raw = append(raw, make([]byte, length)...)
	if _, err := io.ReadFull(r, raw[4:]); err != nil {
		return frame{}, err
	}
	command, err := remoting.ReadFrame(bytes.NewReader(raw), frameLimit)
	if err != nil {
		command = nil // whoever it is for may know better
	}
	return frame{raw, command}, nil
}

// requests passes on what the client sends: requests, and answers to those of the broker.
func (l *link) requests() {
	defer l.end()
	r := bufio.NewReader(l.client)
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		if f.command == nil || f.command.IsResponse() {
			l.write(l.upstream, &l.toUpstream, f.raw)
			continue
		}
		request := fault.NewRequest(f.command, l.endpoint.broker, l.client.RemoteAddr())
		e := exchange{f.command, fault.PlanOf(l.endpoint.proxy.script.Decide(request))}
		l.after(e.plan.Delay, func() { l.forward(e, f.raw) })
	}
}

func (l *link) forward(e exchange, raw []byte) {
	if e.plan.Refuse {
		l.conclude(e, frame{command: e.request.NewResponse(remoting.Success, "")})
		return
	}
	if !e.request.IsOneWay() {
		l.mu.Lock()
		l.pending[e.request.Opaque] = e
		l.mu.Unlock()
	}
	l.write(l.upstream, &l.toUpstream, raw)
}

// responses passes on what upstream sends: answers, and requests of its own.
func (l *link) responses() {
	defer l.end()
	r := bufio.NewReader(l.upstream)
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		e, expected := l.settle(f.command)
		if !expected {
			l.write(l.client, &l.toClient, f.raw)
			continue
		}
		l.after(e.plan.AnswerDelay, func() { l.conclude(e, f) })
	}
}

func (l *link) settle(command *remoting.Command) (exchange, bool) {
	if command == nil || !command.IsResponse() {
		return exchange{}, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.pending[command.Opaque]
	delete(l.pending, command.Opaque)
	return e, ok
}

// conclude ends an exchange for the client, the answer being upstream's.
func (l *link) conclude(e exchange, answer frame) {
	switch e.plan.End {
	case fault.Silence:
		return
	case fault.Cut:
		reset(l.client)
		l.end()
		return
	case fault.Substitute:
		answer.command.Code, answer.command.Remark = e.plan.Code, e.plan.Remark
		answer.raw = nil
	}
	if err := l.endpoint.proxy.rewrite(e.request, &answer); err != nil {
		l.end() // the client must not be told of addresses that lead past the proxy
		return
	}
	if e.request.IsOneWay() {
		return
	}
	l.write(l.client, &l.toClient, answer.raw)
}

// after runs f now, or in d if that is above 0 and the link lasts as long.
func (l *link) after(d time.Duration, f func()) {
	if d <= 0 {
		f()
		return
	}
	l.endpoint.running.Go(func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			f()
		case <-l.ctx.Done():
		}
	})
}

// write sends a frame. An error ends the link, which is all that anybody could do.
func (l *link) write(conn net.Conn, turn *sync.Mutex, raw []byte) {
	turn.Lock()
	defer turn.Unlock()
	if _, err := conn.Write(raw); err != nil {
		l.end()
	}
}
