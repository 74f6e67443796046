package consumer

import (
	"context"
	"errors"
	"runtime"
	"slices"
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

func TestANilErrorAcknowledges(t *testing.T) {
	t.Parallel()
	e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
		require.Equal(t, "m7", string(msg.Body))
		return nil
	})
	require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, pulled(7)))
	require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(orderly(), e, pulled(7)))
}

// Whatever a handler returns but nil, without copies its message is tried until it returns nil.
func TestWithoutCopiesNothingButNilAcknowledges(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error":   func() error { return errNo },
		"panic":   func() error { panic("boom") },
		"retry":   func() error { return holdfast.RetryAfter(time.Hour, errNo) },
		"reject":  func() error { return holdfast.Reject(errNo) },
		"hold":    func() error { return holdfast.Hold(3*time.Hour, errNo) },
		"pause":   func() error { return holdfast.Pause(errNo) },
		"too far": func() error { return holdfast.RetryAfter(3*time.Hour, errNo) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				runs := 0
				e := guard(t, func(context.Context, *primitive.MessageExt) error {
					if runs++; runs <= 20 {
						return fail()
					}
					return nil
				})
				answer := deliver(concurrent(), e, pulled(7))
				synctest.Wait()
				require.Empty(t, answer)
				require.Equal(t, mqconsumer.ConsumeSuccess, <-answer)
				require.Equal(t, 21, runs, "the default of 16 attempts needs dead letters")
			})
		})
	}
}

// The verdicts, with copies.
func TestVerdictsDecideWhatIsStored(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		err   error
		count int32 // earlier attempts
		opts  []GuardOption
		want  storedRow
	}{
		{"an error, first", errNo, 0, nil, storedRow{kind: "retry", level: 3, attempt: 1}},
		{"an error, later", errNo, 4, nil, storedRow{kind: "retry", level: 7, attempt: 5}},
		{"an error, level 18 at most", errNo, 30, []GuardOption{WithMaxAttempts(99)}, storedRow{kind: "retry", level: 18, attempt: 31}},
		{"RetryAfter, rounded up", holdfast.RetryAfter(11*time.Second, errNo), 0, nil, storedRow{kind: "retry", level: 4, attempt: 1}},
		{"RetryAfter, exactly", holdfast.RetryAfter(time.Hour, errNo), 0, nil, storedRow{kind: "retry", level: 17, attempt: 1}},
		{"RetryAfter now", holdfast.RetryAfter(0, errNo), 0, nil, storedRow{kind: "retry", level: 1, attempt: 1}},
		{"RetryAfter too far", holdfast.RetryAfter(3*time.Hour, errNo), 0, nil, storedRow{kind: "retry", level: 3, attempt: 1}},
		{"Reject", holdfast.Reject(errNo), 0, nil, storedRow{kind: "dead"}},
		{"Hold, long", holdfast.Hold(31*time.Second, errNo), 5, nil, storedRow{kind: "later", level: 5}},
		{"the last attempt", errNo, 15, nil, storedRow{kind: "dead"}},
		{"the last but one", errNo, 14, nil, storedRow{kind: "retry", level: 17, attempt: 15}},
		{"the last attempt, RetryAfter", holdfast.RetryAfter(1, errNo), 2, []GuardOption{WithMaxAttempts(3)}, storedRow{kind: "dead"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var s stored
			e := guard(t, func(context.Context, *primitive.MessageExt) error { return row.err }, append(row.opts, into(&s))...)
			msg := pulled(7)
			msg.ReconsumeTimes = row.count
			require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, msg))
			require.Len(t, s.all(), 1)
			got := s.all()[0]
			require.ErrorIs(t, got.reason, errNo)
			row.want.body, row.want.reason = "m7", got.reason
			require.Equal(t, row.want, got)
		})
	}
}

// A hold of up to 30 s spends no attempt and stores nothing.
func TestAShortHoldStaysInMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stored
		runs, begun := 0, time.Now()
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			if runs++; runs < 30 {
				return holdfast.Hold(30*time.Second, errNo)
			}
			return nil
		}, into(&s), WithMaxAttempts(2))
		require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, pulled(7)))
		require.Equal(t, 29*30*time.Second, time.Since(begun))
		require.Empty(t, s.all())
	})
}

// A copy that cannot be stored is tried again without running the handler again, and nothing is
// acknowledged meanwhile.
func TestACopyThatIsRefusedIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"retry": errNo, "dead": holdfast.Reject(errNo), "later": holdfast.Hold(time.Hour, errNo)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := stored{refuse: 50}
				runs := 0
				e := guard(t, func(context.Context, *primitive.MessageExt) error { runs++; return err }, into(&s))
				answer := deliver(concurrent(), e, pulled(7))
				synctest.Wait()
				require.Empty(t, answer)
				require.Equal(t, mqconsumer.ConsumeSuccess, <-answer)
				require.Equal(t, 50, s.refused)
				require.Len(t, s.all(), 1)
				require.Equal(t, name, s.all()[0].kind)
				require.Equal(t, 1, runs)
			})
		})
	}
}

type panicking struct{ stored }

func (p *panicking) Retry(ctx context.Context, msg *primitive.MessageExt, level, attempt int, reason error) error {
	if p.refused < p.refuse {
		p.refused++
		panic("no")
	}
	return p.stored.Retry(ctx, msg, level, attempt, reason)
}

func TestAPanicWhileStoringIsARefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := panicking{stored{refuse: 2}}
		e := guard(t, func(context.Context, *primitive.MessageExt) error { return errNo }, into(&s))
		require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, pulled(7)))
		require.Len(t, s.all(), 1)
	})
}

// A panic is an error, with its value, and an error that was panicked with can be found.
func TestAPanicIsAnError(t *testing.T) {
	t.Parallel()
	var s stored
	var l logged
	e := guard(t, func(context.Context, *primitive.MessageExt) error { panic(errNo) }, into(&s), l.option())
	require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, pulled(7)))
	require.ErrorContains(t, s.all()[0].reason, "panic: no")
	require.ErrorIs(t, s.all()[0].reason, errNo)
	require.Contains(t, l.text(), "guard_test.go", "the stack")
}

// The acknowledgement waits for work that was started with Go, and its error is the handler's.
func TestWorkBelongsToTheMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stored
		release := make(chan struct{})
		e := guard(t, func(ctx context.Context, _ *primitive.MessageExt) error {
			holdfast.Go(ctx, func(ctx context.Context) error {
				<-release
				if ctx.Err() != nil {
					t.Error("the context ends after the work")
				}
				return errNo
			})
			return nil
		}, into(&s))
		answer := deliver(concurrent(), e, pulled(7))
		synctest.Wait()
		require.Empty(t, answer)
		close(release)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-answer)
		require.ErrorIs(t, s.all()[0].reason, errNo)
	})
}

func TestTheHandlersContextEndsWithItsMessage(t *testing.T) {
	t.Parallel()
	var kept, child context.Context
	stop := func() {}
	defer func() { stop() }()
	e := guard(t, func(ctx context.Context, _ *primitive.MessageExt) error {
		require.NoError(t, ctx.Err())
		deadline, ok := ctx.Deadline()
		require.True(t, ok)
		require.Positive(t, time.Until(deadline))
		c, ok := primitive.GetConsumerCtx(ctx)
		require.True(t, ok)
		require.Equal(t, "readers", c.ConsumerGroup)
		kept = ctx
		child, stop = context.WithCancel(ctx) // the message's end cancels it, and not stop
		return nil
	})
	require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, pulled(7)))
	<-kept.Done()
	<-child.Done()
	require.ErrorIs(t, kept.Err(), context.Canceled)
	require.Panics(t, func() { holdfast.Go(kept, func(context.Context) error { return nil }) }, "nobody would wait")
}

// A handler over its deadline keeps its slot and is reported; its message does not run twice.
func TestAHandlerOverItsDeadlineIsReportedAndNotRunTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l logged
		var runs atomic.Int32
		release := make(chan struct{})
		e := guard(t, func(ctx context.Context, _ *primitive.MessageExt) error {
			runs.Add(1)
			<-release // ignores ctx
			return nil
		}, WithHandlerTimeout(time.Minute), l.option())
		first := deliver(concurrent(), e, pulled(7))
		synctest.Wait()
		second := deliver(concurrent(), e, pulled(7))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Contains(t, l.text(), "over its deadline and still runs")
		require.EqualValues(t, 1, e.watchdog.overdue.Load())
		require.EqualValues(t, 1, runs.Load())
		require.Empty(t, second)
		close(release)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-first)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-second, "it takes over the outcome")
		require.EqualValues(t, 1, runs.Load())
		time.Sleep(time.Hour)
		require.Zero(t, e.watchdog.overdue.Load())
		require.False(t, e.watchdog.armed.Load(), "nothing stays behind")
	})
}

// A goroutine that is ended from inside the handler settles nothing and blocks nobody.
func TestGoexitSettlesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l logged
		first := true
		entered, release := make(chan struct{}), make(chan struct{})
		e := guard(t, func(context.Context, *primitive.MessageExt) error {
			if first {
				first = false
				close(entered)
				<-release
				runtime.Goexit()
			}
			return nil
		}, l.option())
		gone := deliver(concurrent(), e, pulled(7))
		<-entered
		again := deliver(concurrent(), e, pulled(7))
		synctest.Wait()
		close(release)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-again, "the second delivery runs it")
		synctest.Wait()
		require.Empty(t, gone)
		require.Contains(t, l.text(), "Goexit")
		require.Zero(t, e.park.active.Load())
	})
}

// Each message of a batch is judged alone; the batch is answered for when all are settled, and
// one that waits holds up no other.
func TestABatchIsJudgedMessageByMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s stored
		var mu sync.Mutex
		var runs []string
		order := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(runs)
		}
		held := false
		e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
			mu.Lock()
			defer mu.Unlock()
			runs = append(runs, string(msg.Body))
			switch {
			case msg.QueueOffset == 1 && !held:
				held = true
				return holdfast.Hold(20*time.Second, errNo)
			case msg.QueueOffset == 2:
				return errNo
			case msg.QueueOffset == 3:
				return holdfast.Reject(errNo)
			}
			return nil
		}, into(&s))
		answer := deliver(concurrent(), e, pulled(1), pulled(2), pulled(3), pulled(4))
		synctest.Wait()
		require.Equal(t, []string{"m1", "m2", "m3", "m4"}, order())
		require.Empty(t, answer, "m1 is held")
		require.Equal(t, mqconsumer.ConsumeSuccess, <-answer)
		require.Equal(t, []string{"m1", "m2", "m3", "m4", "m1"}, order())
		require.Len(t, s.all(), 2)
	})
}

// Two batches with each other's messages end, and run each message once.
func TestBatchesThatOverlapDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		runs := map[string]int{}
		e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
			mu.Lock()
			runs[string(msg.Body)]++
			mu.Unlock()
			time.Sleep(time.Second)
			return nil
		})
		one := deliver(concurrent(), e, pulled(1), pulled(2), pulled(3))
		two := deliver(concurrent(), e, pulled(3), pulled(2), pulled(1), pulled(4), pulled(4))
		require.Equal(t, mqconsumer.ConsumeSuccess, <-one)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-two)
		require.Equal(t, map[string]int{"m1": 1, "m2": 1, "m3": 1, "m4": 1}, runs)
	})
}

// Before each run the message is made unexpirable, even if the handler has written to it.
func TestAMessageAtWorkCannotExpire(t *testing.T) {
	t.Parallel()
	runs := 0
	e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
		require.Equal(t, farAhead, msg.GetProperty(primitive.PropertyConsumeStartTime))
		msg.WithProperty(primitive.PropertyConsumeStartTime, "1")
		if runs++; runs == 1 {
			return errNo
		}
		return nil
	}, WithBackoff(0, 0))
	require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, pulled(7)))
	require.Equal(t, 2, runs)
}

// The official client looks for expired messages beside the handlers; while Guard has a message,
// held, waiting or worked on, it never finds one.
func TestTheClientsExpiryFindsNothingAtWork(t *testing.T) {
	t.Parallel()
	const messages = 200
	var s stored
	e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error {
		msg.WithProperty("the handler's", "own")
		switch n := len(msg.GetProperty("tries")); {
		case n < 3 && msg.QueueOffset%2 == 0:
			msg.WithProperty("tries", msg.GetProperty("tries")+"x")
			return holdfast.Hold(0, nil)
		case msg.QueueOffset%5 == 0:
			return errNo
		}
		return nil
	}, into(&s))
	msgs := make([]*primitive.MessageExt, messages)
	for i := range msgs {
		msgs[i] = pulled(int64(i))
	}
	var answers []<-chan mqconsumer.ConsumeResult
	for _, msg := range msgs {
		// As the client does before the call, long ago.
		msg.WithProperty(primitive.PropertyConsumeStartTime, "1")
		answers = append(answers, deliver(concurrent(), e, msg))
	}
	guarded := map[int]bool{}
	for _, answer := range answers {
		for done := false; !done; {
			select {
			case result := <-answer:
				require.Equal(t, mqconsumer.ConsumeSuccess, result)
				done = true
			default:
				for i, msg := range msgs {
					begun := msg.GetProperty(primitive.PropertyConsumeStartTime)
					require.False(t, guarded[i] && begun != farAhead, "message %d could expire: %s", i, begun)
					guarded[i] = guarded[i] || begun == farAhead
				}
				runtime.Gosched()
			}
		}
	}
	require.Len(t, s.all(), messages/5)
}

func TestGuardComplainsAboutEverythingAtOnce(t *testing.T) {
	t.Parallel()
	nothing := func(context.Context, *primitive.MessageExt) error { return nil }
	require.PanicsWithError(t, "consumer: Guard: the handler is nil", func() { Guard(nil) })
	_, err := newGuard(nothing, []GuardOption{WithHandlerTimeout(0), WithMaxAttempts(0), WithBackoff(2, 1), WithLogger(nil)})
	for _, words := range []string{"WithHandlerTimeout", "WithMaxAttempts", "WithBackoff is 2ns, 1ns", "WithLogger is nil"} {
		require.ErrorContains(t, err, words)
	}
	_, err = newGuard(nothing, []GuardOption{WithRetries(nil)})
	require.NoError(t, err)
}

func TestDeadlinesByMode(t *testing.T) {
	t.Parallel()
	s := defaultSettings()
	require.Equal(t, 5*time.Minute, s.timeoutOf(false))
	require.Equal(t, 30*time.Second, s.timeoutOf(true))
	WithHandlerTimeout(time.Hour)(&s)
	require.Equal(t, time.Hour, s.timeoutOf(false))
	require.Equal(t, 55*time.Second, s.timeoutOf(true), "below the broker's lock")
}

var errDecoder = errors.New("bad frame")

func TestBodiesThatTheOfficialClientCannotRead(t *testing.T) {
	t.Parallel()
	decoder := func(kind Compression, body []byte) ([]byte, error) {
		switch string(body) {
		case "bad":
			return nil, errDecoder
		case "panic":
			panic("decoder")
		}
		return append([]byte(kind+" "), body...), nil
	}
	for _, row := range []struct {
		flag int32
		body string
		want string
	}{
		{0, "plain", "plain"},
		{compressed, "as decompressed by the client", "as decompressed by the client"},
		{compressed | compressionZLIB, "as decompressed by the client", "as decompressed by the client"},
		{compressed | compressionLZ4, "x", "LZ4 x"},
		{compressed | compressionZSTD, "x", "ZSTD x"},
		{compressed | 5<<8, "x", "type 5 x"},
	} {
		var got *primitive.MessageExt
		e := guard(t, func(_ context.Context, msg *primitive.MessageExt) error { got = msg; return nil }, WithDecompressor(decoder))
		msg := pulled(7)
		msg.SysFlag, msg.Body = row.flag|primitive.FlagBornHostV6, []byte(row.body)
		require.Equal(t, mqconsumer.ConsumeSuccess, <-deliver(concurrent(), e, msg))
		require.Equal(t, row.want, string(got.Body))
		require.Equal(t, "id7", holdfast.MessageID(got))
		require.Equal(t, row.body, string(msg.Body), "the official client's own stays")
		if got != msg {
			require.EqualValues(t, primitive.FlagBornHostV6, got.SysFlag, "a copy of it is not said to be compressed")
		}
	}

	for body, decode := range map[string]Decompressor{"bad": decoder, "panic": decoder, "none": nil} {
		synctest.Test(t, func(t *testing.T) {
			var s stored
			var l logged
			e := guard(t, func(context.Context, *primitive.MessageExt) error { t.Error("garbage"); return nil },
				WithDecompressor(decode), into(&s), l.option())
			msg := pulled(7)
			msg.SysFlag, msg.Body = compressed|compressionLZ4, []byte(body)
			answer := deliver(concurrent(), e, msg)
			time.Sleep(10 * time.Hour)
			require.Empty(t, answer)
			require.Empty(t, s.all())
			require.Contains(t, l.text(), "compressed with LZ4")
			e.park.close()
			e.park.release()
			require.NotEqual(t, mqconsumer.ConsumeSuccess, <-answer)
		})
	}
}
