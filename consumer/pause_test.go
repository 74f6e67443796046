package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// While a dependency is down one message at a time is tried, with growing delays; nothing is
// stored, no attempt spent; when it is back all go on at once.
func TestAPauseHoldsEverythingAndProbesOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stored
		var l logged
		var mu sync.Mutex
		up, runs, at, most := false, 0, 0, 0
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			mu.Lock()
			runs++
			at++
			most = max(most, at)
			down := !up
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			at--
			mu.Unlock()
			if down {
				return holdfast.Pause(errNo)
			}
			return nil
		}, into(&s), WithMaxAttempts(1), WithBackoff(time.Second, time.Minute), l.option())

		answers := []<-chan mqconsumer.ConsumeResult{deliver(concurrent(), e, pulled(0))}
		time.Sleep(2 * time.Second)
		mu.Lock()
		most = 0
		mu.Unlock()
		for i := range int64(20) {
			answers = append(answers, deliver(concurrent(), e, pulled(i+1)))
		}
		time.Sleep(time.Hour)
		mu.Lock()
		require.Equal(t, 1, most, "one probe at a time")
		require.Greater(t, runs, 30)
		require.Less(t, runs, 600, "with delays")
		up = true
		mu.Unlock()
		for _, answer := range answers {
			require.Equal(t, mqconsumer.ConsumeSuccess, <-answer)
		}
		require.Empty(t, s.all())
		require.Contains(t, l.text(), "the handler is paused")
		require.Contains(t, l.text(), "works again")
	})
}

// A probe that ends by its deadline says nothing of the dependency: the gate stays shut. One
// that fails by itself does, and it is that message's failure.
func TestWhatAProbeSays(t *testing.T) {
	t.Parallel()
	s := defaultSettings()
	for _, row := range []struct {
		err  error
		open bool
	}{
		{nil, true}, {errNo, true}, {holdfast.Reject(errNo), true}, {newPanicError("x"), true},
		{holdfast.Pause(errNo), false}, {context.DeadlineExceeded, false}, {errGoexit, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newGate(&s)
			p, in := g.enter(nil, 0)
			require.True(t, in)
			g.leave(p, mustPause, errNo)
			p, in = g.enter(nil, 0)
			require.True(t, in)
			require.True(t, p.probe)
			g.leave(p, reportOf(row.err), row.err)
			require.Equal(t, row.open, !g.shut.Load(), "%v", row.err)
		})
	}
}

// A run that began before the pause does not lift it, whatever it ends with.
func TestOnlyAProbeLiftsAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := defaultSettings()
		g := newGate(&s)
		early, _ := g.enter(nil, 0)
		pausing, _ := g.enter(nil, 0)
		g.leave(pausing, mustPause, errNo)
		due := g.due
		g.leave(early, answered, nil)
		require.True(t, g.shut.Load())
		g.leave(early, mustPause, errNo)
		require.Equal(t, due, g.due, "nor puts the probe off")
	})
}

func TestWaitingAtAGateEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := defaultSettings()
		WithBackoff(time.Hour, time.Hour)(&s)
		g := newGate(&s)
		g.leave(pass{}, mustPause, errNo)
		g.due = time.Now().Add(time.Hour)
		begun := time.Now()
		_, in := g.enter(nil, time.Second)
		require.False(t, in)
		require.Equal(t, time.Second, time.Since(begun))
		stop := make(chan struct{})
		close(stop)
		_, in = g.enter(stop, 0)
		require.False(t, in)
	})
}

// A drain does not wait for a paused handler.
func TestAPausedMessageParks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		e := guard(t, func(context.Context, *primitive.MessageExt) error { runs.Add(1); return holdfast.Pause(errNo) },
			WithBackoff(time.Hour, time.Hour))
		e.settings.backoff.Base = time.Hour
		answer := deliver(concurrent(), e, pulled(7))
		synctest.Wait()
		e.park.close()
		require.NoError(t, e.park.wait(t.Context()))
		require.EqualValues(t, 1, runs.Load())
		require.Empty(t, answer)
		e.park.release()
		require.Equal(t, mqconsumer.ConsumeRetryLater, <-answer)
	})
}

// Nor is a paused handler probed once a drain has begun, though the probe is due.
func TestADrainProbesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e *engine
		var runs atomic.Int32
		e = guard(t, func(context.Context, *primitive.MessageExt) error {
			if runs.Add(1) > 1 {
				return nil
			}
			e.park.close()
			return holdfast.Pause(errNo)
		}, WithBackoff(0, 0))
		answer := deliver(concurrent(), e, pulled(7))
		require.NoError(t, e.park.wait(t.Context()))
		synctest.Wait()
		require.EqualValues(t, 1, runs.Load())
		require.Empty(t, answer)
		e.park.release()
		require.Equal(t, mqconsumer.ConsumeRetryLater, <-answer)
	})
}
