package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

var errNo = errors.New("no")

// stored remembers copies, and refuses as many as it is told to.
type stored struct {
	mu      sync.Mutex
	refuse  int
	copies  []storedRow
	refused int
}

type storedRow struct {
	kind           string
	body           string
	level, attempt int
	reason         error
}

func (s *stored) store(ctx context.Context, row storedRow) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.refused < s.refuse {
		s.refused++
		return errors.New("refused")
	}
	s.copies = append(s.copies, row)
	return nil
}

func (s *stored) Retry(ctx context.Context, msg *primitive.MessageExt, level, attempt int, reason error) error {
	return s.store(ctx, storedRow{"retry", string(msg.Body), level, attempt, reason})
}

func (s *stored) Later(ctx context.Context, msg *primitive.MessageExt, level int, reason error) error {
	return s.store(ctx, storedRow{"later", string(msg.Body), level, 0, reason})
}

func (s *stored) DeadLetter(ctx context.Context, msg *primitive.MessageExt, reason error) error {
	return s.store(ctx, storedRow{"dead", string(msg.Body), 0, 0, reason})
}

func (s *stored) all() []storedRow {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]storedRow(nil), s.copies...)
}

func into(c copies) GuardOption { return guardOption(func(s *settings) { s.copies = c }) }

var quietGuard = WithLogger(slog.New(slog.DiscardHandler))

// guard is Guard, with what is inside.
func guard(t testing.TB, h holdfast.Handler, opts ...GuardOption) *engine {
	t.Helper()
	e, err := newGuard(h, append([]GuardOption{quietGuard}, opts...))
	require.NoError(t, err)
	return e
}

// pulled is a message as the official client hands it over.
func pulled(offset int64) *primitive.MessageExt {
	msg := &primitive.MessageExt{QueueOffset: offset}
	msg.Topic, msg.Body = "orders", fmt.Appendf(nil, "m%d", offset)
	msg.Queue = &primitive.MessageQueue{QueueId: 1}
	msg.WithProperty("UNIQ_KEY", fmt.Sprintf("id%d", offset))
	return msg
}

var pulledFrom = primitive.MessageQueue{Topic: "orders", BrokerName: "broker-a", QueueId: 1}

// concurrent is the context of a call by a concurrent consumer of the official client.
func concurrent() context.Context {
	ctx := primitive.WithConsumerCtx(context.Background(), &primitive.ConsumeMessageContext{ConsumerGroup: "readers"})
	c := primitive.NewConsumeConcurrentlyContext()
	c.MQ = pulledFrom
	return primitive.WithConcurrentlyCtx(ctx, c)
}

// orderly is the context of a call by an orderly one.
func orderly() context.Context {
	ctx := primitive.WithConsumerCtx(context.Background(), &primitive.ConsumeMessageContext{ConsumerGroup: "readers"})
	c := primitive.NewConsumeOrderlyContext()
	c.MQ = pulledFrom
	return primitive.WithOrderlyCtx(ctx, c)
}

// deliver calls the listener as the official client would, and returns what it answers when it
// does.
func deliver(ctx context.Context, e *engine, msgs ...*primitive.MessageExt) <-chan mqconsumer.ConsumeResult {
	answer := make(chan mqconsumer.ConsumeResult, 1)
	go func() {
		result, err := e.listen(ctx, msgs...)
		if err != nil {
			panic(err) // never
		}
		answer <- result
	}()
	return answer
}

// deliverInOrder delivers until it is acknowledged, as the official client would, and returns
// the number of calls.
func deliverInOrder(t testing.TB, e *engine, msgs ...*primitive.MessageExt) (calls int) {
	t.Helper()
	for {
		calls++
		ctx := orderly()
		result, err := e.listen(ctx, msgs...)
		require.NoError(t, err)
		o, _ := primitive.GetOrderlyCtx(ctx)
		require.Positive(t, o.SuspendCurrentQueueTimeMillis)
		if result == mqconsumer.ConsumeSuccess {
			return calls
		}
		require.Equal(t, mqconsumer.SuspendCurrentQueueAMoment, result)
		for _, msg := range msgs {
			msg.ReconsumeTimes++
		}
		time.Sleep(time.Duration(o.SuspendCurrentQueueTimeMillis) * time.Millisecond)
	}
}

// logged is a logger whose text can be looked at.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logged) option() HandlingOption {
	return WithLogger(slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})))
}
