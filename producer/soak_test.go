package producer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// ledger is what senders were told, by business id.
type ledger struct {
	mu    sync.Mutex
	fates map[string]*fate
	order map[string][]string // of each sharding key, what was acknowledged before the next was sent
	whole [][]string          // explicit batches
}

type fate struct {
	acked, unknown bool
	results        []*primitive.SendResult
}

func (l *ledger) note(result *primitive.SendResult, err error, msgs ...*primitive.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ids []string
	for _, msg := range msgs {
		id := msg.GetKeys()
		ids = append(ids, id)
		f := l.fates[id]
		if f == nil {
			f = &fate{}
			l.fates[id] = f
		}
		f.acked = f.acked || err == nil
		f.unknown = f.unknown || errors.Is(err, holdfast.ErrOutcomeUnknown)
		if len(msgs) == 1 && err == nil {
			f.results = append(f.results, result)
		}
		if key := msg.GetShardingKey(); key != "" && err == nil {
			l.order[key] = append(l.order[key], id)
		}
	}
	if len(ids) > 1 {
		l.whole = append(l.whole, ids)
	}
}

// soaker sends in every way there is, one way after the other.
type soaker struct {
	t      *testing.T
	p      *producer.Producer
	ledger *ledger
	rand   *rand.Rand
	name   string
	n      int
	async  sync.WaitGroup
}

func (s *soaker) next() *primitive.Message {
	s.n++
	msg := order(fmt.Sprintf("%s-%05d", s.name, s.n))
	switch s.rand.IntN(20) {
	case 0:
		msg.Body = append(msg.Body, make([]byte, 5000)...) // compressed
	case 1:
		msg.Body = append(msg.Body, make([]byte, s.rand.IntN(2000))...)
	}
	return msg
}

func (s *soaker) several(n int) []*primitive.Message {
	msgs := make([]*primitive.Message, n)
	for i := range msgs {
		msgs[i] = s.next()
	}
	return msgs
}

func (s *soaker) ctx() (context.Context, context.CancelFunc) {
	if s.rand.IntN(3) == 0 {
		return context.WithTimeout(s.t.Context(), time.Duration(s.rand.IntN(20_000))*time.Microsecond)
	}
	return context.WithTimeout(s.t.Context(), patience)
}

func (s *soaker) send() {
	ctx, cancel := s.ctx()
	switch s.rand.IntN(8) {
	case 0, 1:
		msg := s.next()
		result, err := s.p.Send(ctx, msg)
		s.ledger.note(result, err, msg)
	case 2, 3, 4:
		msg := s.next().WithShardingKey(s.name)
		result, err := s.p.Send(ctx, msg)
		s.ledger.note(result, err, msg)
		if err != nil && s.rand.IntN(2) == 0 {
			result, err = s.p.Send(s.t.Context(), msg)
			s.ledger.note(result, err, msg)
		}
	case 5:
		msgs := s.several(2 + s.rand.IntN(3))
		_, err := s.p.SendSync(ctx, msgs...)
		s.ledger.note(nil, err, msgs...)
	case 6:
		msgs := s.several(s.rand.IntN(5))
		for i, r := range s.p.SendBatch(ctx, msgs) {
			s.ledger.note(r.Result, r.Err, msgs[i])
		}
	case 7:
		msg := s.next()
		s.async.Add(1)
		err := s.p.SendAsync(ctx, func(_ ctxT, result *primitive.SendResult, err error) {
			defer cancel()
			s.ledger.note(result, err, msg)
			s.async.Done()
		}, msg)
		if err == nil {
			return // cancel comes with the callback
		}
		s.ledger.note(nil, err, msg)
		s.async.Done()
	}
	cancel()
}

// misfortune is what happens to one send in ten.
func misfortune(c *rmqtest.Cluster) {
	ms := func(n int) time.Duration { return time.Duration(rand.IntN(n)) * time.Millisecond }
	codes := []int{1, 2, 13, 14, 16, 17, 29, 215, 4711}
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action {
		switch rand.IntN(100) {
		case 0:
			return rmqtest.DropRequest()
		case 1:
			return rmqtest.DropResponse()
		case 2:
			return rmqtest.CloseBefore()
		case 3:
			return rmqtest.CloseAfter()
		case 4:
			return rmqtest.Answer(codes[rand.IntN(len(codes))], "scripted")
		case 5:
			return rmqtest.Answer(1, "message body size exceeded")
		case 6:
			return rmqtest.AnswerAfterStore(10+rand.IntN(3), "scripted")
		case 7:
			return rmqtest.AnswerAfterStore([]int{1, 4711}[rand.IntN(2)], "scripted")
		case 8:
			return rmqtest.AnswerLate(ms(600))
		case 9:
			return rmqtest.Delay(ms(600), rmqtest.Pass())
		}
		return rmqtest.Pass()
	})
	c.Intercept(rmqtest.Query, func(*rmqtest.Request) rmqtest.Action {
		switch rand.IntN(20) {
		case 0:
			return rmqtest.DropRequest()
		case 1:
			return rmqtest.Answer(1, "scripted")
		case 2:
			return rmqtest.CloseBefore()
		}
		return rmqtest.Pass()
	})
}

// outages stops, freezes and unplugs brokers in turn until ctx ends.
func outages(ctx context.Context, c *rmqtest.Cluster) {
	pause := func() {
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	for i := 0; ctx.Err() == nil; i++ {
		b := c.Brokers()[i/4%2]
		switch i % 4 {
		case 0:
			b.Stop()
			pause()
			b.Start()
		case 1:
			b.Pause()
			pause()
			b.Resume()
		case 2:
			b.StallFlush()
			pause()
			b.PowerFailure()
			b.Start()
		}
		pause()
	}
}

// Whatever happens, what callers were told is true.
func TestNothingIsToldThatIsNotSo(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]producer.Option{
		"not durable is an error": nil,
		"not durable is resent":   {producer.WithResendNotDurable()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			soak(t, options...)
		})
	}
}

func soak(t *testing.T, options ...producer.Option) {
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic(topic, 4)
	p := start(t, c, append(options, producer.WithAttempts(3), producer.WithAttemptTimeout(300*time.Millisecond),
		producer.WithMaxInFlight(48, 1<<20), producer.WithMaxStuck(1000))...)
	mustSend(t, p, order("first")) // all queues are known
	registered(t, c)
	misfortune(c)
	l := &ledger{fates: map[string]*fate{}, order: map[string][]string{}}

	during, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() { outages(during, c) })
	for i := range 32 {
		all.Go(func() {
			s := &soaker{t: t, p: p, ledger: l, rand: rand.New(rand.NewPCG(rand.Uint64(), uint64(i))), name: fmt.Sprintf("s%02d", i)}
			for during.Err() == nil {
				s.send()
			}
			s.async.Wait()
		})
	}
	all.Wait()
	require.NoError(t, p.Close(soon(t)))
	require.Zero(t, p.InFlight())
	c.Close() // what is still on its way to a broker is lost now
	l.check(t, c)
}

func (l *ledger) check(t *testing.T, c *rmqtest.Cluster) {
	t.Helper()
	stored := map[string][]rmqtest.Message{}
	first := map[string]int64{} // where the first copy of a message lies in its queue
	queue := map[string]string{}
	for _, m := range c.Messages(topic) {
		if len(stored[m.Keys]) == 0 {
			first[m.Keys], queue[m.Keys] = m.QueueOffset, fmt.Sprint(m.Broker, m.QueueID)
		}
		stored[m.Keys] = append(stored[m.Keys], m)
	}
	var acked, unknown, refused, twice int
	for id, f := range l.fates {
		copies := stored[id]
		switch {
		case f.acked:
			acked++
			require.NotEmpty(t, copies, "%s was acknowledged and is lost", id)
		case f.unknown:
			unknown++
		default:
			refused++
			require.Empty(t, copies, "%s was said not to be stored", id)
		}
		if len(copies) > 1 {
			twice++
		}
		for _, m := range copies {
			require.Equal(t, copies[0].UniqueKey, m.UniqueKey, "%s is stored under two ids", id)
		}
		for _, r := range f.results {
			requireStoredAt(t, r, copies)
		}
	}
	for key, ids := range l.order {
		for i := range ids[1:] {
			require.Equal(t, queue[ids[i]], queue[ids[i+1]], "key %s", key)
			require.Less(t, first[ids[i]], first[ids[i+1]], "%s after %s", ids[i], ids[i+1])
		}
	}
	for _, ids := range l.whole {
		for _, id := range ids {
			require.Len(t, stored[id], len(stored[ids[0]]), "%s is stored in part", strings.Join(ids, " "))
		}
	}
	t.Logf("acknowledged %d, unknown %d, not stored %d; stored twice %d", acked, unknown, refused, twice)
	for what, n := range map[string]int{"acknowledged": acked, "unknown": unknown, "not stored": refused, "stored twice": twice} {
		require.NotZero(t, n, "%s: the faults did not bite", what)
	}
}

// requireStoredAt checks a result against the copies of its message.
func requireStoredAt(t *testing.T, r *primitive.SendResult, copies []rmqtest.Message) {
	t.Helper()
	for _, m := range copies {
		if m.UniqueKey == r.MsgID && m.OffsetMsgID == r.OffsetMsgID {
			require.Equal(t, m.QueueOffset, r.QueueOffset)
			require.Equal(t, &primitive.MessageQueue{Topic: topic, BrokerName: m.Broker, QueueId: m.QueueID}, r.MessageQueue)
			return
		}
	}
	require.Empty(t, r.OffsetMsgID, "%v is not where its result says", r)
}
