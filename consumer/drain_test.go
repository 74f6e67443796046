package consumer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// scripted is a consumer of the official client.
type scripted struct {
	rocketmq.PushConsumer
	start, shutdown func()
}

func (s *scripted) Start() error    { s.start(); return nil }
func (s *scripted) Shutdown() error { s.shutdown(); return nil }

// The official client may deliver before its Start returns. If ctx ends between the two, what
// runs is waited for, as in a drain.
func TestHandlersAreWaitedForWhenAStartIsLeftBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := made(t)
		finished, release := false, make(chan struct{})
		require.NoError(t, c.Handle("orders", "*", func(context.Context, *primitive.MessageExt) error {
			time.Sleep(5 * time.Second)
			finished = true
			return nil
		}))
		require.NoError(t, c.enter())
		shut := make(chan struct{})
		push := &scripted{
			start:    func() { deliver(concurrent(), c.engine, pulled(1)); <-release },
			shutdown: func() { close(shut) },
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := c.startPush(ctx, push)
		waited := finished
		close(release)
		<-shut
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.True(t, waited)
	})
}
