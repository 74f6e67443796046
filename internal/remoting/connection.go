package remoting

import (
	"bufio"
	"context"
	"net"
	"sync"
	"time"
)

// connection is one live socket. A reader hands responses to the calls that wait for them;
// a writer takes frames one at a time, so that no call is ever stuck in a write itself.
type connection struct {
	address string
	socket  net.Conn
	frames  chan []byte

	// ctx ends, with the reason as its cause, when the socket is of no more use.
	ctx  context.Context
	fail context.CancelCauseFunc

	mu      sync.Mutex
	waiting map[int32]chan *Command
}

func newConnection(c *Client, address string, socket net.Conn) *connection {
	conn := &connection{address: address, socket: socket, frames: make(chan []byte), waiting: map[int32]chan *Command{}}
	conn.ctx, conn.fail = context.WithCancelCause(c.ctx)
	c.background.Go(func() { conn.read(c.frameLimit) })
	c.background.Go(conn.write)
	c.background.Go(func() {
		<-conn.ctx.Done()
		_ = socket.Close() // unblocks the reader and the writer
	})
	return conn
}

func (conn *connection) read(frameLimit int) {
	r := bufio.NewReaderSize(conn.socket, 64<<10)
	for {
		response, err := ReadFrame(r, frameLimit)
		if err != nil {
			conn.fail(err)
			return
		}
		if !response.IsResponse() {
			continue // a broker's notification to a client that runs nothing
		}
		if answer := conn.settle(response.Opaque); answer != nil {
			answer <- response
		}
	}
}

func (conn *connection) write() {
	for {
		select {
		case frame := <-conn.frames:
			_ = conn.socket.SetWriteDeadline(time.Now().Add(writeTimeout))
			if _, err := conn.socket.Write(frame); err != nil {
				conn.fail(err)
				return
			}
		case <-conn.ctx.Done():
			return
		}
	}
}

func (conn *connection) call(ctx context.Context, request *Command) (*Command, error) {
	frame, err := request.AppendFrame(nil)
	if err != nil {
		return nil, &TransportError{conn.address, "write", false, err}
	}
	answer := conn.expect(request.Opaque)
	defer conn.settle(request.Opaque)

	select {
	case conn.frames <- frame:
	case <-ctx.Done():
		return nil, &TransportError{conn.address, "write", false, context.Cause(ctx)}
	case <-conn.ctx.Done():
		return nil, &TransportError{conn.address, "write", false, context.Cause(conn.ctx)}
	}
	if request.IsOneWay() {
		return request.NewResponse(Success, ""), nil
	}
	select {
	case response := <-answer:
		return response, nil
	case <-ctx.Done():
		return nil, &TransportError{conn.address, "wait", true, context.Cause(ctx)}
	case <-conn.ctx.Done():
	}
	select { // the answer may have come just before the connection broke
	case response := <-answer:
		return response, nil
	default:
		return nil, &TransportError{conn.address, "wait", true, context.Cause(conn.ctx)}
	}
}

func (conn *connection) expect(opaque int32) chan *Command {
	answer := make(chan *Command, 1)
	conn.mu.Lock()
	conn.waiting[opaque] = answer
	conn.mu.Unlock()
	return answer
}

// settle takes the call out of the waiting ones; nil if it is not among them any more.
func (conn *connection) settle(opaque int32) chan *Command {
	conn.mu.Lock()
	defer conn.mu.Unlock()
	answer := conn.waiting[opaque]
	delete(conn.waiting, opaque)
	return answer
}
