package remoting

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// Over real sockets: kernel buffers swallow part of a large body before the peer's refusal to
// read is felt.
func TestContextEndsWhileAPeerDoesNotRead(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			cancel(err)
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 1)) // the frame is on its way
		cancel(why)
		accepted <- conn
	}()

	c := NewClient(holdfast.Cluster{})
	_, err = c.Call(ctx, listener.Addr().String(), request(strings.Repeat("x", 32<<20)))
	requireTransport(t, err, "wait", true, why)
	c.Close()
	_ = (<-accepted).Close()
}

func TestRealSocketsReconnect(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	conns := make(chan net.Conn, 10)
	var wg sync.WaitGroup
	serve := func(l net.Listener) {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
			wg.Go(func() { echo(conn) })
		}
	}
	wg.Go(func() { serve(listener) })
	address := listener.Addr().String()
	c := NewClient(holdfast.Cluster{})
	_, err = c.Call(t.Context(), address, request("x"))
	require.NoError(t, err)

	_ = listener.Close()
	_ = (<-conns).Close()
	var transport *TransportError
	require.Eventually(t, func() bool {
		_, err := c.Call(t.Context(), address, request("x"))
		return errors.As(err, &transport) && transport.Op == "dial" && !transport.Sent
	}, 10*time.Second, time.Millisecond, "the peer is gone")

	listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	wg.Go(func() { serve(listener) })
	response, err := c.Call(t.Context(), address, request("back"))
	require.NoError(t, err)
	require.Equal(t, "back", string(response.Body))

	c.Close()
	_ = listener.Close()
	wg.Wait()
}
