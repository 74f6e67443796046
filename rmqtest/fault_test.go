package rmqtest_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// silence is long enough for an answer that will not come.
const silence = 50 * time.Millisecond

// pending is a send that is under way.
type pending struct {
	answer chan *remoting.Command
	failed chan error
	cancel context.CancelFunc
}

// begin sends a message and does not wait for the answer.
func begin(t *testing.T, c *rmqtest.Cluster, cl *remoting.Client) pending {
	t.Helper()
	ctx, cancel := context.WithCancel(soon(t))
	p := pending{make(chan *remoting.Command, 1), make(chan error, 1), cancel}
	go func() {
		response, err := cl.Call(ctx, c.Brokers()[0].Addr(), message("orders", "a", nil))
		if err != nil {
			p.failed <- err
		} else {
			p.answer <- response
		}
	}()
	return p
}

// requireSilence fails the test if there is an answer within a moment.
func (p pending) requireSilence(t *testing.T) {
	t.Helper()
	select {
	case response := <-p.answer:
		t.Fatalf("answered %d %s", response.Code, response.Remark)
	case err := <-p.failed:
		t.Fatal(err)
	case <-time.After(silence):
	}
}

// requireAnswer fails the test if the answer is not this code.
func (p pending) requireAnswer(t *testing.T, code int) *remoting.Command {
	t.Helper()
	select {
	case response := <-p.answer:
		require.Equal(t, code, response.Code, response.Remark)
		return response
	case err := <-p.failed:
		t.Fatal(err)
		return nil
	}
}

// warm makes the connection, so that what follows takes no time.
func warm(t *testing.T, c *rmqtest.Cluster, cl *remoting.Client) {
	t.Helper()
	c.CreateTopic("orders", 1)
	_, err := cl.MaxOffset(soon(t), c.Brokers()[0].Addr(), "orders", 0)
	require.NoError(t, err)
}

func TestFaultsOfAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action   rmqtest.Action
		code     int // -1: no answer
		stored   int
		position bool // the answer says where it was stored
	}{
		"request lost":     {rmqtest.DropRequest(), -1, 0, false},
		"answer lost":      {rmqtest.DropResponse(), -1, 1, false},
		"busy":             {rmqtest.Answer(remoting.SystemBusy, "busy"), remoting.SystemBusy, 0, false},
		"slave timeout":    {rmqtest.AnswerAfterStore(remoting.FlushSlaveTimeout, "busy"), remoting.FlushSlaveTimeout, 1, true},
		"let through":      {rmqtest.Pass(), remoting.Success, 1, true},
		"late":             {rmqtest.AnswerLate(time.Millisecond), remoting.Success, 1, true},
		"delayed":          {rmqtest.Delay(time.Millisecond, rmqtest.Pass()), remoting.Success, 1, true},
		"delayed and lost": {rmqtest.Delay(time.Millisecond, rmqtest.DropResponse()), -1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rmqtest.New(t)
			cl := client(t, c)
			warm(t, c, cl)
			fault := c.Inject(rmqtest.Send, test.action, 1)
			p := begin(t, c, cl)
			<-fault.Done()
			eventually(t, func() bool { return len(c.Messages("orders")) == test.stored }, "stored")
			if test.code < 0 {
				p.requireSilence(t)
				p.cancel()
				require.ErrorIs(t, <-p.failed, context.Canceled)
			} else {
				response := p.requireAnswer(t, test.code)
				require.Equal(t, test.position, response.Ext["msgId"] != "")
			}
			require.Len(t, c.Messages("orders"), test.stored)
			mustSend(t, c, cl, message("orders", "b", nil)) // on the same connection
			require.Equal(t, 1, fault.Hits())
		})
	}
}

func TestFaultsOfConnections(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action rmqtest.Action
		stored int
	}{
		"before": {rmqtest.CloseBefore(), 0},
		"after":  {rmqtest.CloseAfter(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := rmqtest.New(t)
			cl := client(t, c)
			warm(t, c, cl)
			c.Inject(rmqtest.Send, test.action, 1)
			_, err := cl.Call(soon(t), c.Brokers()[0].Addr(), message("orders", "a", nil))
			var broken *remoting.TransportError
			require.ErrorAs(t, err, &broken)
			require.True(t, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.EOF), "%v", err)
			require.Len(t, c.Messages("orders"), test.stored)
			eventually(t, func() bool {
				_, err := cl.Call(soon(t), c.Brokers()[0].Addr(), message("orders", "a", nil))
				return err == nil
			}, "a new connection works")
		})
	}
}

func TestFaultHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	warm(t, c, cl)
	held := make(chan struct{})
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if string(r.Body) == "held" {
			<-held
		}
		return rmqtest.Pass()
	})
	done := make(chan error, 1)
	go func() {
		_, err := cl.Call(soon(t), c.Brokers()[0].Addr(), message("orders", "held", nil))
		done <- err
	}()
	mustSend(t, c, cl, message("orders", "other", nil))
	_, err := cl.MaxOffset(soon(t), c.Brokers()[0].Addr(), "orders", 0)
	require.NoError(t, err)
	require.Equal(t, []string{"other"}, bodies(c.Messages("orders")))
	close(held)
	require.NoError(t, <-done)
	require.Len(t, c.Messages("orders"), 2)
}

func TestInterceptSeesTheRequest(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl := client(t, c)
	c.CreateTopic("orders", 1)
	seen := make(chan rmqtest.Request, 2)
	note := func(r *rmqtest.Request) rmqtest.Action {
		seen <- *r
		return rmqtest.Pass()
	}
	c.Intercept(rmqtest.Route, note)
	f := c.Intercept(rmqtest.Send, note)
	_, err := cl.Route(soon(t), "orders")
	require.NoError(t, err)
	r := <-seen
	require.Equal(t, rmqtest.Route, r.Kind)
	require.Empty(t, r.Broker)
	require.Equal(t, "orders", r.Topic)

	mustSend(t, c, cl, batchOf(t, "orders", "a"))
	r = <-seen
	require.Equal(t, rmqtest.Send, r.Kind)
	require.Equal(t, remoting.SendBatchMessage, r.Code)
	require.Equal(t, "broker-a", r.Broker)
	require.Equal(t, "orders", r.Topic)
	require.Equal(t, "producers", r.Group)
	require.NotNil(t, r.From)
	f.Remove()
	mustSend(t, c, cl, message("orders", "b", nil))
	require.Empty(t, seen)
}

func TestNameServerGone(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	address := c.NameServer().Addr()
	c.NameServer().Stop()
	_, err := cl.Route(soon(t), "orders")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	c.NameServer().Start()
	c.NameServer().Start()
	require.Equal(t, address, c.NameServer().Addr())
	_, err = cl.Route(soon(t), "orders")
	require.NoError(t, err)
	c.Inject(rmqtest.Route, rmqtest.Answer(remoting.SystemError, "no"), 1)
	_, err = cl.Route(soon(t), "orders")
	require.Equal(t, remoting.SystemError, brokerCode(t, err))
}
