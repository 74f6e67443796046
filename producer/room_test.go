package producer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func newRoom(messages, bytes int) *room { return &room{maxMessages: messages, maxBytes: bytes} }

// after takes room in a goroutine; the channel has the outcome once there is one.
func after(ctx context.Context, r *room, messages, bytes int) chan error {
	done := make(chan error, 1)
	go func() { done <- r.take(ctx, messages, bytes) }()
	synctest.Wait()
	return done
}

func TestRoomIsBoundedInMessagesAndInBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(2, 100)
		require.NoError(t, r.take(t.Context(), 1, 10))
		require.NoError(t, r.take(t.Context(), 1, 10))
		third := after(t.Context(), r, 1, 10)
		require.Empty(t, third, "no third message")
		r.give(1, 10)
		require.NoError(t, <-third)
		r.give(1, 10)

		large := after(t.Context(), r, 1, 91)
		require.Empty(t, large, "not so many bytes")
		r.give(1, 10)
		require.NoError(t, <-large)
		require.Equal(t, 1, r.inUse())
		r.give(1, 91)
	})
}

func TestRoomIsGivenInTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(3, 100)
		require.NoError(t, r.take(t.Context(), 2, 0))
		two := after(t.Context(), r, 2, 0)
		one := after(t.Context(), r, 1, 0)
		require.Empty(t, one, "what would fit waits behind what came before")
		r.give(2, 0)
		require.NoError(t, <-two)
		require.NoError(t, <-one)
	})
}

// A send larger than everything would otherwise wait forever.
func TestRoomForOneThatIsLargerThanEverything(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(2, 100)
		require.NoError(t, r.take(t.Context(), 1, 1))
		huge := after(t.Context(), r, 5, 500)
		require.Empty(t, huge)
		r.give(1, 1)
		require.NoError(t, <-huge)
		small := after(t.Context(), r, 1, 1)
		require.Empty(t, small)
		r.give(5, 500)
		require.NoError(t, <-small)
	})
}

func TestRoomIsNotTakenByWhoGaveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(2, 100)
		require.NoError(t, r.take(t.Context(), 1, 0))
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		first := after(ctx, r, 2, 0)
		second := after(t.Context(), r, 1, 0)
		cancel(why)
		require.ErrorIs(t, <-first, why)
		require.NoError(t, <-second, "who waited behind it does so no longer")
		r.give(1, 0)
		r.give(1, 0)
		require.Zero(t, r.inUse())
	})
}

func TestRoomIsEmptyWhenTheLastHasGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(1, 1)
		require.NoError(t, r.empty(t.Context()))
		require.NoError(t, r.take(t.Context(), 1, 1))
		waiting := after(t.Context(), r, 1, 1)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.empty(ctx), context.DeadlineExceeded)
		emptied := make(chan error, 2)
		for range 2 {
			go func() { emptied <- r.empty(t.Context()) }()
		}
		r.give(1, 1)
		require.NoError(t, <-waiting)
		synctest.Wait()
		require.Empty(t, emptied, "one that waited has taken its place")
		r.give(1, 1)
		require.NoError(t, <-emptied)
		require.NoError(t, <-emptied)
	})
}

// Whoever gives up at the moment that it is let in leaves no room behind.
func TestRoomAddsUpUnderConcurrency(t *testing.T) {
	t.Parallel()
	r := newRoom(8, 1000)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 500 {
				ctx, cancel := context.WithTimeout(t.Context(), rand.N(50*time.Microsecond))
				messages, bytes := 1+rand.IntN(4), rand.IntN(600)
				if r.take(ctx, messages, bytes) == nil {
					r.give(messages, bytes)
				}
				cancel()
			}
		})
	}
	wg.Wait()
	require.Zero(t, r.inUse())
	require.Zero(t, r.bytes)
	require.Empty(t, r.waiters)
}
