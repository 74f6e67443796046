package official

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	mqerrors "github.com/apache/rocketmq-client-go/v2/errors"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

func TestClassifyErrorsThatTheClientReturns(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		want FailureKind
		err  func(t *testing.T) error
	}{
		{"not started", NotStarted, func(t *testing.T) error {
			p, err := NewProducer(holdfast.Cluster{NameServers: []string{"127.0.0.1:1"}}, "group", nil, 4096)
			require.NoError(t, err)
			defer func() { require.NoError(t, p.Shutdown()) }()
			_, err = p.SendSync(t.Context(), message())
			return err
		}},
		{"no message", Invalid, sending(store)},
		{"no topic", Invalid, sending(store, primitive.NewMessage("", nil))},
		{"several topics", Invalid, sending(store, message(), primitive.NewMessage("others", nil))},
		{"unknown topic", NoRoute, func(t *testing.T) error {
			ns := listen(t, func(p peer, c *remoting.Command) { p.answer(c, remoting.TopicNotExist, "", nil, nil) })
			_, err := running(t, at(ns)).SendSync(t.Context(), message())
			return err
		}},
		{"no master", NoRoute, func(t *testing.T) error {
			_, err := running(t, at(nameServerWith(t, map[string]string{"1": "127.0.0.1:1"}))).SendSync(t.Context(), message())
			return err
		}},
		{"name server away", NoRoute, func(t *testing.T) error {
			_, err := running(t, holdfast.Cluster{NameServers: []string{nobody(t)}}).SendSync(t.Context(), message())
			return err
		}},
		{"broker away", Dial, func(t *testing.T) error {
			_, err := running(t, at(nameServer(t, nobody(t)))).SendSync(t.Context(), message())
			return err
		}},
		{"broker's name unknown", Dial, func(t *testing.T) error {
			_, err := running(t, at(nameServer(t, "broker.invalid:10911"))).SendSync(t.Context(), message())
			return err
		}},
		{"ctx ended before the dial", Dial, func(t *testing.T) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := running(t, at(nameServer(t, broker(t, store).address))).SendSync(ctx, message())
			require.ErrorIs(t, err, context.Canceled, "which would be a timeout anywhere else")
			return err
		}},
		{"reset while writing", Write, resetWhileWriting},
		{"no answer before ctx ends", Timeout, func(t *testing.T) error {
			ctx, cancel := context.WithCancel(t.Context())
			b := broker(t, func(peer, *remoting.Command) { cancel() })
			_, err := running(t, at(nameServer(t, b.address))).SendSync(ctx, message())
			return err
		}},
		{"refused", Refused, sending(func(p peer, c *remoting.Command) { p.answer(c, remoting.SystemBusy, "busy", nil, nil) }, message())},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			err := row.err(t)
			require.Error(t, err)
			got := Classify(err)
			require.Equal(t, row.want, got.Kind, "%T %v", err, err)
			require.Equal(t, err, got.Err)
			require.Equal(t, row.want == Refused, got.Broker != nil)
			require.Equal(t, row.want, Classify(fmt.Errorf("attempt 3: %w", err)).Kind, "wrapped")
		})
	}
}

// sending returns what SendSync says of msgs to a broker that does send.
func sending(send func(peer, *remoting.Command), msgs ...*primitive.Message) func(*testing.T) error {
	return func(t *testing.T) error {
		_, err := running(t, at(nameServer(t, broker(t, send).address))).SendSync(t.Context(), msgs...)
		return err
	}
}

// nobody returns an address at which nobody listens.
func nobody(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// A batch is not compressed, and this one fits in no socket buffer, so that the write is under
// way when the broker hangs up.
func resetWhileWriting(t *testing.T) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	hungUp := make(chan struct{})
	go func() {
		defer close(hungUp)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 64<<10))
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}()
	t.Cleanup(func() { listener.Close(); <-hungUp })
	large := make([]byte, 24<<20)
	_, err = running(t, at(nameServer(t, listener.Addr().String()))).
		SendSync(t.Context(), primitive.NewMessage("orders", large), primitive.NewMessage("orders", large))
	return err
}

func TestClassifyReadsTheBrokersAnswer(t *testing.T) {
	t.Parallel()
	const remark = "the message is illegal,\nmaybe the topic length: 3, DESC: 4 or CODE: 5, too"
	err := sending(func(p peer, c *remoting.Command) { p.answer(c, remoting.MessageIllegal, remark, nil, nil) }, message())(t)
	require.Equal(t, &holdfast.BrokerError{Code: remoting.MessageIllegal, Remark: remark}, Classify(err).Broker)

	named := &holdfast.BrokerError{Code: 1, Broker: "broker-a"}
	require.Same(t, named, Classify(fmt.Errorf("attempt: %w", named)).Broker, "one that has been read stays as it is")
}

func TestClassifyTheRest(t *testing.T) {
	t.Parallel()
	require.Equal(t, Failure{}, Classify(nil))
	for _, row := range []struct {
		err  error
		want FailureKind
	}{
		{mqerrors.ErrService, ShutDown}, // only a send that Shutdown overtakes sees it
		{&net.DNSError{Err: "no such host"}, Dial},
		{&net.OpError{Op: "set", Err: net.ErrClosed}, Write},
		{net.ErrClosed, Write},
		{io.EOF, Write},
		{syscall.EPIPE, Write},
		{mqerrors.ErrRequestTimeout, Timeout},
		{context.DeadlineExceeded, Timeout},
		{context.Canceled, Timeout},
		{errors.New("CODE: many, DESC: none"), Other},
		{errors.New("CODE: 1"), Other},
		{errors.New("something new"), Other},
	} {
		require.Equal(t, row.want, Classify(row.err).Kind, "%v", row.err)
	}
}

func TestFailureKindsHaveNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "not started", NotStarted.String())
	require.Equal(t, "other", Other.String())
	require.Equal(t, "none", FailureKind(0).String())
	require.Equal(t, "FailureKind(99)", FailureKind(99).String())
}
