package consumer

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// A failing message holds its queue, with a real wait between attempts, for ever.
func TestAFailingMessageHoldsItsQueue(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"error": errNo, "retry": holdfast.RetryAfter(20*time.Second, errNo), "hold": holdfast.Hold(20*time.Second, errNo), "pause": holdfast.Pause(errNo),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var s stored
				runs, begun := 0, time.Now()
				e := guard(t, func(context.Context, *primitive.MessageExt) error {
					if runs++; runs <= 40 {
						return err
					}
					return nil
				}, into(&s))
				calls := deliverInOrder(t, e, pulled(1))
				took := time.Since(begun)
				require.Equal(t, 41, runs)
				require.Greater(t, took, 2*time.Minute)
				require.Less(t, calls, int(took/time.Second)*3, "no hot loop")
				require.Empty(t, s.all())
			})
		})
	}
}

// The attempts that count are runs that failed, not the returns that the official client counts.
func TestAfterTheLastAttemptADeadLetterFreesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := stored{refuse: 3}
		runs := 0
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			if runs++; runs%2 == 0 {
				return holdfast.Hold(10*time.Second, nil)
			}
			return errNo
		}, into(&s), WithMaxAttempts(3))
		msg := pulled(1)
		deliverInOrder(t, e, msg)
		require.Equal(t, 5, runs, "three failures, two holds")
		require.Equal(t, 3, s.refused)
		require.Len(t, s.all(), 1)
		require.Equal(t, "dead", s.all()[0].kind)
		require.Greater(t, msg.ReconsumeTimes, int32(5), "which is what the client counted")
	})
}

func TestARejectedMessageFreesItsQueue(t *testing.T) {
	t.Parallel()
	var s stored
	e := guard(t, func(context.Context, *primitive.MessageExt) error { return holdfast.Reject(errNo) }, into(&s))
	require.Equal(t, 1, deliverInOrder(t, e, pulled(1)))
	require.Equal(t, "dead", s.all()[0].kind)
}

func TestWithoutCopiesARejectedMessageHoldsItsQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			if runs++; runs < 30 {
				return holdfast.Reject(errNo)
			}
			return nil
		}, WithMaxAttempts(2))
		deliverInOrder(t, e, pulled(1))
		require.Equal(t, 30, runs)
	})
}

// Of a batch in order, what comes before a failure is done and not done again; what comes
// behind waits.
func TestABatchInOrderGoesOnWhereItFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		fails := 2
		e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
			order = append(order, string(msg.Body))
			if msg.QueueOffset == 2 && fails > 0 {
				fails--
				return errNo
			}
			return nil
		})
		deliverInOrder(t, e, pulled(1), pulled(2), pulled(3))
		require.Equal(t, []string{"m1", "m2", "m2", "m2", "m3"}, order)
	})
}

// A message that was pulled again is handled again, though it has succeeded: somebody may have
// set the offset back.
func TestAMessagePulledAgainIsAnotherOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
			order = append(order, string(msg.Body))
			if len(order) == 2 {
				return errNo
			}
			return nil
		})
		require.Equal(t, mqconsumer.SuspendCurrentQueueAMoment, <-deliver(orderly(), e, pulled(1), pulled(2)))
		deliverInOrder(t, e, pulled(1), pulled(2))
		deliverInOrder(t, e, pulled(1))
		require.Equal(t, []string{"m1", "m2", "m1", "m2", "m1"}, order)
	})
}

// A queue that went and came back while a handler runs is not worked on twice at once; the
// second call is sent back for the client to look whether the queue is its own, and never runs
// on the strength of having waited.
func TestOneHandlerPerQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at, most, runs atomic.Int32
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			most.Store(max(most.Load(), at.Add(1)))
			defer at.Add(-1)
			runs.Add(1)
			time.Sleep(10 * time.Second)
			return nil
		})
		first := deliver(orderly(), e, pulled(1))
		synctest.Wait()
		for range 5 {
			require.Equal(t, mqconsumer.SuspendCurrentQueueAMoment, <-deliver(orderly(), e, pulled(1)))
		}
		require.EqualValues(t, 1, runs.Load())
		other := primitive.NewConsumeOrderlyContext()
		other.MQ = primitive.MessageQueue{Topic: "orders", BrokerName: "broker-b", QueueId: 1}
		parallel := deliver(primitive.WithOrderlyCtx(context.Background(), other), e, pulled(1))
		synctest.Wait()
		require.EqualValues(t, 2, runs.Load(), "another queue does not wait")
		require.Equal(t, mqconsumer.ConsumeSuccess, <-first)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-parallel)
	})
}

func TestAnOrderlyHandlerOverItsDeadlineIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l logged
		e := guard(t, func(context.Context, *primitive.MessageExt) error { time.Sleep(5 * time.Minute); return nil }, l.option())
		require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(orderly(), e, pulled(1)))
		require.Contains(t, l.text(), "over its deadline")
	})
}

func TestGoexitInOrderFreesTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			if runs++; runs == 1 {
				runtime.Goexit()
			}
			return nil
		})
		gone := deliver(orderly(), e, pulled(1))
		synctest.Wait()
		require.Empty(t, gone)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(orderly(), e, pulled(1)))
	})
}
