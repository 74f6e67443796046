package official

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// The tests in this file are not parallel: they look at what the process knows of panics.

// alive starts a test with no panic known, and ends it so.
func alive(t *testing.T) {
	forget := func() {
		dead.Store(nil)
		panics.Store(0)
		for len(earlierPanics) > 0 {
			<-earlierPanics
		}
	}
	forget()
	t.Cleanup(forget)
}

func TestAPanicInACallbackCostsOneRequest(t *testing.T) {
	alive(t)
	var deep func(n int)
	deep = func(n int) {
		if n == 0 {
			panic("in a callback")
		}
		deep(n - 1)
	}
	p := running(t, at(nameServer(t, broker(t, store).address)))
	require.NoError(t, p.SendAsync(t.Context(), func(context.Context, *primitive.SendResult, error) { deep(300) }, message()))
	require.Equal(t, "in a callback", <-earlierPanics, "the handler that was there before is called")
	require.EqualValues(t, 1, Panics())
	require.NoError(t, Dead())
}

// The client itself dereferences nil after it has told the callback of a timeout.
func TestATimeoutOfSendAsyncDoesNotEndTheProcess(t *testing.T) {
	alive(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := running(t, at(nameServer(t, broker(t, func(peer, *remoting.Command) { cancel() }).address)))
	told := make(chan error, 2)
	require.NoError(t, p.SendAsync(ctx, func(_ context.Context, _ *primitive.SendResult, err error) { told <- err }, message()))
	require.Equal(t, Timeout, Classify(<-told).Kind)
	<-earlierPanics
	require.EqualValues(t, 1, Panics())
	require.NoError(t, Dead())
}

func TestAPanicInAReadLoopIsFatal(t *testing.T) {
	alive(t)
	b := broker(t, func(p peer, _ *remoting.Command) {
		_, _ = p.Write([]byte{0xff, 0xff, 0xff, 0xff}) // a frame of -1 bytes
	})
	p := running(t, at(nameServer(t, b.address)))
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		_, err := p.SendSync(ctx, message())
		sent <- err
	}()
	<-earlierPanics
	cancel()
	<-sent

	first := Dead()
	require.ErrorContains(t, first, "connect")
	require.ErrorContains(t, first, "makeslice: len out of range")
	require.ErrorContains(t, first, "restart the process")
	require.EqualValues(t, 1, Panics())

	primitive.WithRecover(func() { panic("another") })
	require.Equal(t, first, Dead(), "the first reason stays")
	require.EqualValues(t, 2, Panics())
}

func TestWhatIsNotKnownToBeHarmlessIsFatal(t *testing.T) {
	alive(t)
	primitive.WithRecover(func() { panic(struct{ secret string }{"body"}) })
	require.ErrorContains(t, Dead(), "struct { secret string }")
	require.NotContains(t, Dead().Error(), "body")

	alive(t)
	seen("called by nobody's WithRecover")
	require.ErrorContains(t, Dead(), "goroutine unknown")
}

// The names in perRequest are those of goroutines that exist: a rename in the client would
// make harmless panics fatal, and the tests above would say so; this one says where to look.
func TestRecoveredNamesTheInnermostGoroutine(t *testing.T) {
	t.Parallel()
	var name string
	primitive.WithRecover(func() {
		primitive.WithRecover(func() { name = recovered() })
	})
	require.True(t, strings.HasSuffix(name, "TestRecoveredNamesTheInnermostGoroutine.func1.1"), name)
	require.Equal(t, "unknown", recovered())
}
