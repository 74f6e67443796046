//go:build !race

package consumer_test

// The official push consumer has data races of its own: its subscriptions while it starts, the
// tree of an orderly queue. So these tests run without -race; Guard itself is tested with it.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

type listener = func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error)

var (
	quiet   = consumer.WithLogger(slog.New(slog.DiscardHandler))
	fast    = consumer.WithBackoff(20*time.Millisecond, 100*time.Millisecond)
	errDown = errors.New("down")
)

const patience = 30 * time.Second

func eventually(t *testing.T, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond, fmt.Sprintf(what, args...))
}

// orders is a cluster with one queue of orders, in which the bodies are stored.
func orders(t *testing.T, bodies ...string) *rmqtest.Cluster {
	t.Helper()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	c.CreateTopic("orders", 1)
	c.CreateGroup("billing")
	put(t, c, bodies...)
	return c
}

func put(t *testing.T, c *rmqtest.Cluster, bodies ...string) {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	for _, body := range bodies {
		header := remoting.SendMessageHeader{
			ProducerGroup: "shop", Topic: "orders", DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, BornTimestamp: time.Now().UnixMilli(),
			Properties: remoting.EncodeProperties(map[string]string{"UNIQ_KEY": uuid.NewString()}),
		}
		_, err := client.Do(t.Context(), c.Brokers()[0].Addr(), remoting.NewRequest(remoting.SendMessage, header, []byte(body)))
		require.NoError(t, err)
	}
}

// raw starts a push consumer of the official client, as its users do.
func raw(t *testing.T, c *rmqtest.Cluster, l listener, opts ...mqconsumer.Option) rocketmq.PushConsumer {
	t.Helper()
	pc, err := rocketmq.NewPushConsumer(append([]mqconsumer.Option{
		mqconsumer.WithNameServer(c.Holdfast().NameServers),
		mqconsumer.WithGroupName("billing"),
		mqconsumer.WithInstance(uuid.NewString()),
		mqconsumer.WithConsumeFromWhere(mqconsumer.ConsumeFromFirstOffset),
	}, opts...)...)
	require.NoError(t, err)
	require.NoError(t, pc.Subscribe("orders", mqconsumer.MessageSelector{}, l))
	require.NoError(t, pc.Start())
	t.Cleanup(func() { _ = pc.Shutdown() })
	return pc
}

// committed is the offset of the group in the one queue of the topic, -1 if there is none.
func committed(t *testing.T, c *rmqtest.Cluster) int64 {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	header := remoting.QueryConsumerOffsetHeader{ConsumerGroup: "billing", Topic: "orders"}
	answer, err := client.Call(t.Context(), c.Brokers()[0].Addr(), remoting.NewRequest(remoting.QueryConsumerOffset, header, nil))
	require.NoError(t, err)
	if answer.Code != remoting.Success {
		return -1
	}
	offset, err := strconv.ParseInt(answer.Ext["offset"], 10, 64)
	require.NoError(t, err)
	return offset
}

// commits waits until the client has written the offset, which it does every 5 s.
func commits(t *testing.T, c *rmqtest.Cluster, offset int64) {
	t.Helper()
	eventually(t, func() bool { return committed(t, c) == offset }, "offset %d is committed", offset)
}

// seen is what handlers were given.
type seen struct {
	mu     sync.Mutex
	bodies []string
}

func (s *seen) add(msg *primitive.MessageExt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies = append(s.bodies, string(msg.Body))
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.bodies)
}

func (s *seen) count(body string) (n int) {
	for _, b := range s.all() {
		if b == body {
			n++
		}
	}
	return n
}

// A faulty handler is what a raw listener and Guard are compared with: it fails for "bad", and
// succeeds when asked the second time.
func failsOnce(s *seen, fail func() error) holdfast.Handler {
	return func(_ context.Context, msg *primitive.MessageExt) error {
		s.add(msg)
		if string(msg.Body) == "bad" && s.count("bad") == 1 {
			return fail()
		}
		return nil
	}
}

// The client acknowledges a message whose listener returned an error with the zero result.
func TestRawAcknowledgesAnError(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad", "good")
	var s seen
	handle := failsOnce(&s, func() error { return errDown })
	raw(t, c, func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		return 0, handle(ctx, msgs[0])
	})
	eventually(t, func() bool { return len(s.all()) == 2 }, "both were handled")
	commits(t, c, 2)
	require.Equal(t, 1, s.count("bad"), "lost")
	require.Empty(t, c.Messages(retryTopic))
}

func TestGuardDoesNotAcknowledgeAnError(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad", "good")
	var s seen
	raw(t, c, consumer.Guard(failsOnce(&s, func() error { return errDown }), quiet, fast))
	eventually(t, func() bool { return s.count("bad") == 2 }, "tried again")
}

// A panic in a raw listener leaves its message unacknowledged and untried, for 15 minutes.
func TestRawLeavesAMessageAfterAPanic(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad")
	var s seen
	handle := failsOnce(&s, func() error { panic("boom") })
	raw(t, c, func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		return mqconsumer.ConsumeSuccess, handle(ctx, msgs[0])
	})
	eventually(t, func() bool { return s.count("bad") == 1 }, "handled")
	for i := range 50 {
		put(t, c, fmt.Sprint("good ", i))
	}
	eventually(t, func() bool { return len(s.all()) == 51 }, "the others")
	written := c.Inject(rmqtest.UpdateOffset, rmqtest.Pass(), 0)
	eventually(t, func() bool { return written.Hits() > 0 }, "an offset is written")
	require.LessOrEqual(t, committed(t, c), int64(0), "it stands still")
	require.Equal(t, 1, s.count("bad"))
}

func TestGuardTriesAMessageAgainAfterAPanic(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad")
	var s seen
	raw(t, c, consumer.Guard(failsOnce(&s, func() error { panic("boom") }), quiet, fast))
	eventually(t, func() bool { return s.count("bad") == 2 }, "tried again")
	commits(t, c, 1)
}

// The client does not read whether its send-back was refused, and acknowledges.
func TestRawLosesAMessageWhoseSendBackIsRefused(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad")
	refused := c.Inject(rmqtest.SendBack, rmqtest.Answer(remoting.SystemError, "no"), 0)
	var s seen
	handle := failsOnce(&s, func() error { return errDown })
	raw(t, c, func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		if handle(ctx, msgs[0]) != nil {
			return mqconsumer.ConsumeRetryLater, nil
		}
		return mqconsumer.ConsumeSuccess, nil
	})
	eventually(t, func() bool { return refused.Hits() == 1 }, "sent back, refused")
	put(t, c, "good")
	eventually(t, func() bool { return s.count("good") == 1 }, "the next")
	commits(t, c, 2)
	require.Empty(t, c.Messages(retryTopic), "lost")
	require.Equal(t, 1, s.count("bad"))
}

// While copies are refused nothing is acknowledged; when they are taken again, one is stored,
// and arrives.
func TestGuardStoresACopyBeforeItAcknowledges(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad")
	refused := c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if r.Topic == retryTopic {
			return rmqtest.Answer(remoting.SystemError, "no")
		}
		return rmqtest.Pass()
	})
	sentBack := c.Inject(rmqtest.SendBack, rmqtest.Pass(), 0)
	var s seen
	r := newRetries(t, c)
	raw(t, c, consumer.Guard(failsOnce(&s, func() error { return errDown }), consumer.WithRetries(r), quiet, fast))
	eventually(t, func() bool { return refused.Hits() >= 2 }, "copies are refused")
	require.LessOrEqual(t, committed(t, c), int64(0))
	require.Equal(t, 1, s.count("bad"), "the handler is not run again for that")
	refused.Remove()
	eventually(t, func() bool { return s.count("bad") == 2 }, "the copy arrives")
	require.Zero(t, sentBack.Hits(), "nothing is ever sent back by the client")
	commits(t, c, 1)
}

// After ConsumeTimeout the client sends back a message that is being handled, and drops it:
// refused, it is lost if its handler then fails.
func TestRawTakesAMessageAwayFromItsHandler(t *testing.T) {
	t.Parallel()
	c := orders(t, "slow")
	sentBack := c.Inject(rmqtest.SendBack, rmqtest.Answer(remoting.SystemError, "no"), 0)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	raw(t, c, func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		<-release
		return mqconsumer.ConsumeRetryLater, nil
	}, mqconsumer.WithConsumeTimeout(200*time.Millisecond))
	eventually(t, func() bool { return sentBack.Hits() > 0 }, "sent back while it is handled")
}

// Held, waiting and worked on past the client's timeout, under load, nothing is sent back.
func TestGuardKeepsAMessageFromExpiring(t *testing.T) {
	t.Parallel()
	const timeout = 200 * time.Millisecond
	c := orders(t, "held", "slow", "bad")
	sentBack := c.Inject(rmqtest.SendBack, rmqtest.Pass(), 0)
	var s seen
	var held atomic.Int32
	raw(t, c, consumer.Guard(func(_ context.Context, msg *primitive.MessageExt) error {
		s.add(msg)
		switch string(msg.Body) {
		case "held":
			if held.Add(1) < 8 {
				return holdfast.Hold(timeout, nil)
			}
		case "slow":
			time.Sleep(8 * timeout)
		case "bad":
			if s.count("bad") < 20 {
				return errDown
			}
		}
		return nil
	}, quiet, fast), mqconsumer.WithConsumeTimeout(timeout))
	for i := range 500 {
		put(t, c, fmt.Sprint("load ", i))
	}
	eventually(t, func() bool { return held.Load() == 8 && s.count("bad") == 20 && len(s.all()) == 8+1+20+500 }, "everything is handled")
	require.Zero(t, sentBack.Hits())
	require.Equal(t, 1, s.count("slow"))
}

// In order the client goes on to the next message after RetryLater, and commits both.
func TestRawSkipsAMessageInOrder(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad", "good")
	var s seen
	handle := failsOnce(&s, func() error { return errDown })
	raw(t, c, func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		if handle(ctx, msgs[0]) != nil {
			return mqconsumer.ConsumeRetryLater, nil
		}
		return mqconsumer.ConsumeSuccess, nil
	}, mqconsumer.WithConsumerOrder(true))
	eventually(t, func() bool { return s.count("good") == 1 }, "the next")
	commits(t, c, 2)
	require.Equal(t, 1, s.count("bad"), "skipped")
}

// In order the client does not wait after SUSPEND: it calls as fast as it can.
func TestRawSpinsInOrder(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad")
	var calls atomic.Int64
	raw(t, c, func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		calls.Add(1)
		return mqconsumer.SuspendCurrentQueueAMoment, nil
	}, mqconsumer.WithConsumerOrder(true), mqconsumer.WithSuspendCurrentQueueTimeMillis(time.Hour))
	eventually(t, func() bool { return calls.Load() > 2_000 }, "calls, though it was to wait an hour")
}

// A panic of an orderly listener ends the process; where a panic handler is set, its queue.
func TestRawDiesOfAPanicInOrder(t *testing.T) {
	t.Parallel()
	const child = "CONSUMER_TEST_DIES"
	if os.Getenv(child) == "" {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRawDiesOfAPanicInOrder$")
		again.Env = append(os.Environ(), child+"=yes")
		output, err := again.CombinedOutput()
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit)
		require.Contains(t, string(output), "panic: boom")
		require.Contains(t, string(output), "consumeMessageOrderly")
		return
	}
	c := orders(t, "bad")
	raw(t, c, func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		panic("boom")
	}, mqconsumer.WithConsumerOrder(true))
	time.Sleep(patience) // the panic comes first
}

// In order a message that fails, whichever way, is tried again after a real wait, before the
// next is begun, and what succeeded is committed.
func TestGuardKeepsTheOrder(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"error": func() error { return errDown },
		"panic": func() error { panic("boom") },
		"pause": func() error { return holdfast.Pause(errDown) },
		"retry": func() error { return holdfast.RetryAfter(time.Second, errDown) },
		"hold":  func() error { return holdfast.Hold(time.Second, errDown) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := orders(t, "first", "bad", "good")
			var s seen
			raw(t, c, consumer.Guard(failsOnce(&s, fail), quiet, fast), mqconsumer.WithConsumerOrder(true))
			eventually(t, func() bool { return s.count("good") == 1 }, "the last")
			require.Equal(t, []string{"first", "bad", "bad", "good"}, s.all())
			commits(t, c, 3)
		})
	}
}

// In order a dead letter is stored, then the queue goes on.
func TestGuardStoresADeadLetterInOrder(t *testing.T) {
	t.Parallel()
	c := orders(t, "bad", "good")
	var s seen
	r := newRetries(t, c)
	raw(t, c, consumer.Guard(func(_ context.Context, msg *primitive.MessageExt) error {
		s.add(msg)
		if string(msg.Body) == "bad" {
			return errDown
		}
		return nil
	}, consumer.WithRetries(r), consumer.WithMaxAttempts(3), quiet, fast), mqconsumer.WithConsumerOrder(true))
	eventually(t, func() bool { return s.count("good") == 1 }, "the queue goes on")
	require.Equal(t, []string{"bad", "bad", "bad", "good"}, s.all())
	dead := copiesIn(t, c, deadTopic, 1)[0]
	require.Equal(t, "bad", string(dead.Body))
	require.Equal(t, "down", dead.Properties[consumer.ReasonProperty])
}

// The mistake of a bare go: raw acknowledges before the work, Guard cannot help it, and with
// holdfast.Go nothing is acknowledged until the work is done.
func TestGuardWaitsForWork(t *testing.T) {
	t.Parallel()
	c := orders(t, "one")
	var done atomic.Bool
	release := make(chan struct{})
	raw(t, c, consumer.Guard(func(ctx context.Context, _ *primitive.MessageExt) error {
		holdfast.Go(ctx, func(context.Context) error { <-release; done.Store(true); return nil })
		return nil
	}, quiet))
	put(t, c, "two", "three")
	require.Never(t, func() bool { return committed(t, c) > 0 }, time.Second, 50*time.Millisecond)
	close(release)
	eventually(t, done.Load, "the work")
	commits(t, c, 3)
}
