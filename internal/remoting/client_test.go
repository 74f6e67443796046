package remoting

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// peers are what a test's client can dial, by address: each connection is a pipe to a new
// goroutine of the peer. There are no sockets, so the clock of a synctest bubble is theirs.
type peers struct {
	handle map[string]func(net.Conn)
	dials  atomic.Int64
}

func (p *peers) dial(_ context.Context, _, address string) (net.Conn, error) {
	p.dials.Add(1)
	handle := p.handle[address]
	if handle == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		handle(far)
	}()
	return near, nil
}

const peerAddress = "peer:1"

// clientOf makes a client whose only peer is handle. In a bubble, the end of the test proves
// that Close left nothing running.
func clientOf(t *testing.T, handle func(net.Conn), opts ...ClientOption) (*Client, *peers) {
	t.Helper()
	p := &peers{handle: map[string]func(net.Conn){peerAddress: handle}}
	c := NewClient(holdfast.Cluster{}, append([]ClientOption{WithDial(p.dial)}, opts...)...)
	t.Cleanup(c.Close)
	return c, p
}

// echo answers every request with its own body.
func echo(conn net.Conn) {
	for {
		request, err := ReadFrame(conn, 0)
		if err != nil {
			return
		}
		answer(conn, request, request.Body)
	}
}

func answer(conn net.Conn, request *Command, body []byte) {
	response := request.NewResponse(Success, "")
	response.Body = body
	frame, _ := response.AppendFrame(nil)
	_, _ = conn.Write(frame)
}

// deaf reads requests and never answers.
func deaf(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// stuck reads nothing until the client closes the connection; a pipe has no buffer, so the
// first write does not return.
func stuck(stop <-chan struct{}) func(net.Conn) {
	return func(net.Conn) { <-stop }
}

func request(body string) *Command { return NewRequest(GetBrokerConfig, nil, []byte(body)) }

func requireTransport(t *testing.T, err error, op string, sent bool, cause error) {
	t.Helper()
	var transport *TransportError
	require.ErrorAs(t, err, &transport)
	require.Equal(t, op, transport.Op, "%v", err)
	require.Equal(t, sent, transport.Sent, "%v", err)
	if cause != nil {
		require.ErrorIs(t, err, cause)
	}
	require.ErrorContains(t, err, "remoting: "+op+" "+transport.Address)
}

func TestConcurrentCallsShareAConnectionAndKeepTheirAnswers(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]ClientOption{nil, {WithBinaryHeaders()}} {
		synctest.Test(t, func(t *testing.T) {
			// The peer answers in pairs and the wrong way round.
			c, p := clientOf(t, func(conn net.Conn) {
				for {
					first, err := ReadFrame(conn, 0)
					if err != nil {
						return
					}
					second, err := ReadFrame(conn, 0)
					if err != nil {
						return
					}
					answer(conn, second, second.Body)
					answer(conn, first, first.Body)
				}
			}, opts...)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					body := fmt.Sprint("body ", i)
					response, err := c.Call(t.Context(), peerAddress, request(body))
					if err != nil || string(response.Body) != body {
						t.Errorf("call %d: %v, %v", i, response, err)
					}
				})
			}
			wg.Wait()
			require.EqualValues(t, 1, p.dials.Load())
		})
	}
}

func TestEachAddressHasItsConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := clientOf(t, echo)
		p.handle["peer:2"] = echo
		for range 3 {
			for _, address := range []string{peerAddress, "peer:2"} {
				_, err := c.Call(t.Context(), address, request("x"))
				require.NoError(t, err)
			}
		}
		require.EqualValues(t, 2, p.dials.Load())
	})
}

func TestDialRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := clientOf(t, nil)
		for i := range 3 {
			_, err := c.Call(t.Context(), peerAddress, request("x"))
			requireTransport(t, err, "dial", false, nil)
			require.ErrorContains(t, err, "connection refused")
			require.EqualValues(t, i+1, p.dials.Load(), "each call tries again")
		}
	})
}

func TestContextEndsDuringDial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		accept := make(chan struct{})
		c, p := clientOf(t, echo)
		dial := p.dial
		c.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			select {
			case <-accept:
				return dial(ctx, network, address)
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}

		patient := make(chan error, 1)
		go func() {
			_, err := c.Call(t.Context(), peerAddress, request("patient"))
			patient <- err
		}()
		why := errors.New("no longer wanted")
		ctx, cancel := context.WithCancelCause(t.Context())
		impatient := make(chan error, 1)
		go func() {
			_, err := c.Call(ctx, peerAddress, request("impatient"))
			impatient <- err
		}()
		synctest.Wait()
		cancel(why)
		requireTransport(t, <-impatient, "dial", false, why)

		close(accept)
		require.NoError(t, <-patient, "the attempt was left to the other caller")
		require.EqualValues(t, 1, p.dials.Load())
	})
}

func TestDialThatNeverEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := clientOf(t, nil)
		c.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_, err := c.Call(t.Context(), peerAddress, request("x"))
		requireTransport(t, err, "dial", false, context.DeadlineExceeded)
	})
}

func TestContextThatHasEndedSendsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := clientOf(t, echo)
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(why)
		_, err := c.Call(ctx, peerAddress, request("x"))
		requireTransport(t, err, "dial", false, why)
		require.Zero(t, p.dials.Load())
	})
}

func TestContextEndsDuringWriteAndWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		c, _ := clientOf(t, stuck(stop))
		call := func(ctx context.Context) <-chan error {
			done := make(chan error, 1)
			go func() {
				_, err := c.Call(ctx, peerAddress, request("x"))
				done <- err
			}()
			synctest.Wait()
			return done
		}
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		first := call(ctx)  // its frame is being written: part of it may be on its way
		second := call(ctx) // its frame waits for the first's
		cancel(why)
		requireTransport(t, <-first, "wait", true, why)
		requireTransport(t, <-second, "write", false, why)
	})
}

func TestPeerThatStopsReadingIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		c, p := clientOf(t, stuck(stop))
		_, err := c.Call(t.Context(), peerAddress, request("x"))
		requireTransport(t, err, "wait", true, nil)
		var timeout net.Error
		require.ErrorAs(t, err, &timeout)
		require.True(t, timeout.Timeout())

		p.handle[peerAddress] = echo
		_, err = c.Call(t.Context(), peerAddress, request("x"))
		require.NoError(t, err)
	})
}

func TestContextEndsDuringWaitAndTheLateAnswerGoesNowhere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := clientOf(t, func(conn net.Conn) {
			late, err := ReadFrame(conn, 0)
			if err != nil {
				return
			}
			next, err := ReadFrame(conn, 0)
			if err != nil {
				return
			}
			answer(conn, late, []byte("late"))
			answer(conn, late, []byte("and twice"))
			pushed, _ := NewRequest(NotifyConsumerIDs, nil, []byte("pushed")).AppendFrame(nil)
			_, _ = conn.Write(pushed)
			answer(conn, next, []byte("in time"))
			deaf(conn)
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Call(ctx, peerAddress, request("x"))
		requireTransport(t, err, "wait", true, context.DeadlineExceeded)

		response, err := c.Call(t.Context(), peerAddress, request("x"))
		require.NoError(t, err)
		require.Equal(t, "in time", string(response.Body))
		require.EqualValues(t, 1, p.dials.Load(), "the connection was still good")
	})
}

func TestReconnectAfterThePeerClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := clientOf(t, func(conn net.Conn) { // answers one request, closes at the second
			if request, err := ReadFrame(conn, 0); err == nil {
				answer(conn, request, nil)
			}
			_, _ = ReadFrame(conn, 0)
		})
		for i := range 3 {
			_, err := c.Call(t.Context(), peerAddress, request("x"))
			require.NoError(t, err)
			_, err = c.Call(t.Context(), peerAddress, request("x"))
			requireTransport(t, err, "wait", true, io.EOF)
			require.EqualValues(t, i+1, p.dials.Load())
		}
	})
}

func TestHostileAnswersEndTheConnection(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bytes string
		says  string
	}{
		"length over the limit": {"\x00\x10\x00\x01", "frame exceeds the limit: 1048577 bytes announced"},
		"negative length":       {"\xFF\xFF\xFF\xFF", "frame exceeds the limit"},
		"no frame at all":       {"HTTP/1.1 400 Bad Request\r\n", "frame exceeds the limit"},
		"broken header":         {"\x00\x00\x00\x05\x00\x00\x00\x01{", "decode JSON header"},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, p := clientOf(t, func(conn net.Conn) {
				_, _ = ReadFrame(conn, 0)
				_, _ = conn.Write([]byte(test.bytes))
				deaf(conn)
			}, WithFrameLimit(1<<20))
			_, err := c.Call(t.Context(), peerAddress, request("x"))
			requireTransport(t, err, "wait", true, nil)
			require.ErrorContains(t, err, test.says, name)

			p.handle[peerAddress] = echo
			_, err = c.Call(t.Context(), peerAddress, request("x"))
			require.NoError(t, err, "the next call dials again")
			require.EqualValues(t, 2, p.dials.Load())
		})
	}
}

func TestRequestThatCannotBeEncodedIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, p := clientOf(t, echo, WithBinaryHeaders())
		_, err := c.Call(t.Context(), peerAddress, NewRequest(200050, nil, nil))
		requireTransport(t, err, "write", false, nil)
		_, err = c.Call(t.Context(), peerAddress, request("x"))
		require.NoError(t, err, "and harms no connection")
		require.EqualValues(t, 1, p.dials.Load())
	})
}

func TestCloseEndsEveryCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stop := make(chan struct{})
		defer close(stop)
		c, p := clientOf(t, deaf)
		p.handle["stuck:1"] = stuck(stop)
		dial := p.dial
		c.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if address == "nowhere:1" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return dial(ctx, network, address)
		}
		call := func(address string) <-chan error {
			done := make(chan error, 1)
			go func() {
				_, err := c.Call(t.Context(), address, request("x"))
				done <- err
			}()
			synctest.Wait()
			return done
		}
		dialling, waiting, writing, queued := call("nowhere:1"), call(peerAddress), call("stuck:1"), call("stuck:1")

		c.Close()
		requireTransport(t, <-dialling, "dial", false, ErrClientClosed)
		requireTransport(t, <-waiting, "wait", true, ErrClientClosed)
		requireTransport(t, <-writing, "wait", true, ErrClientClosed)
		requireTransport(t, <-queued, "write", false, ErrClientClosed)

		_, err := c.Call(t.Context(), peerAddress, request("x"))
		requireTransport(t, err, "dial", false, ErrClientClosed)
		c.Close()
	})
}

func TestOneWayWaitsForNoAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := make(chan *Command, 1)
		c, _ := clientOf(t, func(conn net.Conn) {
			if request, err := ReadFrame(conn, 0); err == nil {
				got <- request
			}
			deaf(conn)
		})
		oneWay := request("x")
		oneWay.SetOneWay()
		_, err := c.Call(t.Context(), peerAddress, oneWay)
		require.NoError(t, err)
		require.True(t, (<-got).IsOneWay())
	})
}

func TestRequestsAreSigned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := clientOf(t, func(conn net.Conn) {
			request, err := ReadFrame(conn, 0)
			if err == nil && request.AccessKey() == "alice" && request.VerifySignature("s3cret") {
				answer(conn, request, nil)
			}
			deaf(conn)
		})
		c.cluster.AccessKey, c.cluster.SecretKey = "alice", "s3cret"
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := c.Call(ctx, peerAddress, NewRequest(GetTopicStatsInfo, TopicHeader{"orders"}, nil))
		require.NoError(t, err)
	})
}

func TestDoTurnsCodesIntoErrors(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := clientOf(t, refuse(SystemBusy, "too busy"))
		response, err := c.Call(t.Context(), peerAddress, request("x"))
		require.NoError(t, err, "a code is an answer to Call")
		require.Equal(t, SystemBusy, response.Code)

		response, err = c.Do(t.Context(), peerAddress, request("x"))
		require.Equal(t, &holdfast.BrokerError{Code: SystemBusy, Remark: "too busy", Broker: peerAddress}, err)
		require.Equal(t, SystemBusy, response.Code)
	})
}

func refuse(code int, remark string) func(net.Conn) {
	return func(conn net.Conn) {
		for {
			request, err := ReadFrame(conn, 0)
			if err != nil {
				return
			}
			frame, _ := request.NewResponse(code, remark).AppendFrame(nil)
			_, _ = conn.Write(frame)
		}
	}
}
