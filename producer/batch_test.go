package producer_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// hold keeps sends from being answered until release is called, so that later ones queue up;
// requests counts them.
func hold(c *rmqtest.Cluster) (release func(), requests *atomic.Int64) {
	requests = new(atomic.Int64)
	gate := make(chan struct{})
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action {
		requests.Add(1)
		<-gate
		return rmqtest.Pass()
	})
	return sync.OnceFunc(func() { close(gate) }), requests
}

// occupy keeps both lanes of unkeyed messages busy until release; the channel is closed when
// they are free again.
func occupy(t *testing.T, c *rmqtest.Cluster, p *producer.Producer) (release func(), requests *atomic.Int64, free <-chan struct{}) {
	t.Helper()
	release, requests = hold(c)
	t.Cleanup(release) // a test that fails must not wait for ever
	var wg sync.WaitGroup
	for i := range int64(2) {
		wg.Go(func() { mustSend(t, p, order(fmt.Sprint("lane-", i))) })
		eventually(t, func() bool { return requests.Load() >= i+1 }, "lane %d is busy", i)
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	return release, requests, done
}

// sendAll sends at once and returns the results by business id.
func sendAll(t *testing.T, p *producer.Producer, msgs ...*primitive.Message) map[string]*primitive.SendResult {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	results := map[string]*primitive.SendResult{}
	for _, msg := range msgs {
		wg.Go(func() {
			result, err := p.Send(soon(t), msg)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s: %v", msg.GetKeys(), err)
				return
			}
			results[msg.GetKeys()] = result
		})
	}
	wg.Wait()
	return results
}

func orders(n int) []*primitive.Message {
	msgs := make([]*primitive.Message, n)
	for i := range msgs {
		msgs[i] = order(fmt.Sprintf("o-%04d", i))
	}
	return msgs
}

// What arrives while requests are in flight goes together in the next ones, and everybody
// gets a result of their own.
func TestBatchesFormWhileRequestsAreInFlight(t *testing.T) {
	t.Parallel()
	const n = 200
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests, first := occupy(t, c, p)

	calls := make([]chan error, 0, n)
	results := make([]*primitive.SendResult, n)
	for i, msg := range orders(n) {
		done := make(chan error, 1)
		calls = append(calls, done)
		require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, r *primitive.SendResult, err error) { results[i] = r; done <- err }, msg))
	}
	release()
	<-first
	for _, done := range calls {
		require.NoError(t, <-done)
	}

	require.LessOrEqual(t, requests.Load(), int64(2+2), "200 messages went in two requests")
	stored := map[string]rmqtest.Message{}
	for _, m := range c.Messages(topic) {
		stored[m.UniqueKey] = m
	}
	for _, r := range results {
		m, ok := stored[r.MsgID]
		require.True(t, ok)
		require.Equal(t, m.QueueOffset, r.QueueOffset)
		require.Equal(t, m.QueueID, r.MessageQueue.QueueId)
		require.Equal(t, topic, r.MessageQueue.Topic)
		require.True(t, strings.HasSuffix(r.OffsetMsgID, fmt.Sprintf("%016X", m.CommitLogOffset)))
	}
}

func TestWithoutBatchingEveryMessageHasItsRequest(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithoutBatching())
	var batches atomic.Int64
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if r.Code == 320 {
			batches.Add(1)
		}
		return rmqtest.Pass()
	})
	sendAll(t, p, orders(50)...)
	require.Zero(t, batches.Load())
}

// What the broker would refuse or ignore in a batch goes alone, as many at once as callers of
// the official client would send, and neither waits for batches nor holds them up.
func TestWhatMustGoAloneDoes(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	p := start(t, c)
	mustSend(t, p, order("the topic is there"))
	release, _, _ := occupy(t, c, p)
	var alone, batches atomic.Int64
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if r.Code == 320 {
			batches.Add(1)
		}
		alone.Add(1)
		return rmqtest.Pass()
	})
	var msgs []*primitive.Message
	for i := range 75 { // more than are in flight at once
		large := primitive.NewMessage(topic, make([]byte, 8<<10)) // is compressed
		timed := order("timed")
		timed.WithProperty("TIMER_DELAY_SEC", "0")
		msgs = append(msgs, order(fmt.Sprint("delayed-", i)).WithDelayTimeLevel(1), large, timed,
			primitive.NewMessage(topic, bytes.Repeat([]byte("x"), 4<<10)))
	}
	msgs = append(msgs, primitive.NewMessage("%RETRY%group", []byte("retry")))
	calls := make(chan error, len(msgs))
	for _, msg := range msgs {
		require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, _ *primitive.SendResult, err error) { calls <- err }, msg))
	}
	eventually(t, func() bool { return alone.Load() > 250 }, "most are under way, although both lanes are busy")
	release()
	for range msgs {
		require.NoError(t, <-calls)
	}
	require.Zero(t, batches.Load())
}

// A higher threshold keeps large bodies together, uncompressed; one below compresses small ones.
func TestCompressFromDecidesWhoGoesAlone(t *testing.T) {
	t.Parallel()
	for _, from := range []int{8<<10 + 1, 16} {
		c := rmqtest.New(t)
		p := start(t, c, producer.WithCompressFrom(from))
		release, requests, free := occupy(t, c, p)
		var wires atomic.Int64
		c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
			wires.Add(int64(len(r.Body)))
			return rmqtest.Pass()
		})
		var msgs []*primitive.Message
		for i := range 10 {
			msgs = append(msgs, primitive.NewMessage(topic, make([]byte, 8<<10)).WithKeys([]string{fmt.Sprint(i)}))
		}
		calls := make(chan error, len(msgs))
		for _, msg := range msgs {
			require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, _ *primitive.SendResult, err error) { calls <- err }, msg))
		}
		release()
		<-free
		for range msgs {
			require.NoError(t, <-calls)
		}
		if from > 8<<10 {
			require.LessOrEqual(t, requests.Load(), int64(2+2))
			require.Greater(t, wires.Load(), int64(10*8<<10), "uncompressed")
		} else {
			require.Equal(t, int64(2+10), requests.Load())
			require.Less(t, wires.Load(), int64(10*8<<10), "compressed")
		}
		for _, m := range c.Messages(topic) {
			if m.Properties["KEYS"] >= "0" && m.Properties["KEYS"] <= "9" {
				require.Len(t, m.Body, 8<<10)
			}
		}
	}
}

func TestKeyedAndUnkeyedNeverShareABatch(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, requests := hold(c)
	mixed := make(chan string, 64)
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if strings.Contains(string(r.Body), "SHARDING_KEY") && strings.Contains(string(r.Body), "unkeyed") {
			mixed <- "a batch has both"
		}
		return rmqtest.Pass()
	})
	var msgs []*primitive.Message
	for i := range 40 {
		msgs = append(msgs, orderOf("customer", fmt.Sprint("k-", i)), order(fmt.Sprint("unkeyed-", i)))
	}
	done := make(chan struct{})
	go func() { defer close(done); sendAll(t, p, msgs...) }()
	eventually(t, func() bool { return requests.Load() >= 3 }, "the lanes are busy")
	release()
	<-done
	require.Empty(t, mixed)
}

// A batch that the broker finds too large is split; everybody is stored once, and the next
// batches fit.
func TestBatchTooLargeForTheBrokerIsSplit(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithMaxMessageSize(8<<10))
	p := start(t, c)
	release, requests := hold(c)
	var msgs []*primitive.Message
	for i := range 64 {
		msg := order(fmt.Sprintf("o-%04d", i))
		msg.Body = append(msg.Body, make([]byte, 1000)...)
		msgs = append(msgs, msg)
	}
	done := make(chan struct{})
	go func() { defer close(done); sendAll(t, p, msgs...) }()
	eventually(t, func() bool { return requests.Load() >= 1 }, "a lane is busy")
	release()
	<-done
	require.Len(t, c.Messages(topic), 64)
	require.Len(t, ids(c.Messages(topic)), 64)
}

// One message in a batch that the broker refuses fails alone.
func TestOneRefusedMessageDoesNotTakeTheOthersAlong(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if carries(r, "o-0007") {
			return rmqtest.Answer(13, "illegal")
		}
		return rmqtest.Pass()
	})
	release, requests := hold(c)
	outcomes, refused := make(chan error, 32), make(chan error, 1)
	for _, msg := range orders(cap(outcomes)) {
		go func() {
			_, err := p.Send(soon(t), msg)
			if msg.GetKeys() == "o-0007" {
				refused <- err
				err = nil
			}
			outcomes <- err
		}()
	}
	eventually(t, func() bool { return requests.Load() >= 1 }, "a lane is busy")
	release()
	for range cap(outcomes) {
		require.NoError(t, <-outcomes)
	}
	err := <-refused
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 13})
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Len(t, c.Messages(topic), cap(outcomes)-1)
}

// A broker that refused one message took nothing against the size of its batch.
func TestOneRefusedMessageDoesNotEndBatching(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithLanes(1))
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if carries(r, "bad") {
			return rmqtest.Answer(13, "illegal")
		}
		return rmqtest.Pass()
	})
	for round, msgs := range [][]*primitive.Message{append(orders(63), order("bad")), orders(64)} {
		release, requests := hold(c)
		var wg sync.WaitGroup
		for i, msg := range append([]*primitive.Message{order("first")}, msgs...) {
			wg.Add(1)
			require.NoError(t, p.SendAsync(soon(t), func(ctxT, *primitive.SendResult, error) { wg.Done() }, msg))
			if i == 0 {
				eventually(t, func() bool { return requests.Load() == 1 }, "the lane is busy")
			}
		}
		release()
		wg.Wait()
		if round == 1 {
			require.EqualValues(t, 2, requests.Load(), "64 messages in one request")
		}
	}
}

// An explicit batch is one request, stored whole or not at all, with an id for each message.
func TestExplicitBatch(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	msgs := orders(3)

	result, err := p.SendSync(soon(t), msgs...)

	require.NoError(t, err)
	stored := c.Messages(topic)
	require.Equal(t, []string{"o-0000", "o-0001", "o-0002"}, keys(stored))
	require.Equal(t, strings.Join([]string{stored[0].UniqueKey, stored[1].UniqueKey, stored[2].UniqueKey}, ","), result.MsgID)
	require.Len(t, strings.Split(result.OffsetMsgID, ","), 3)
	for i, msg := range msgs {
		require.Equal(t, stored[i].UniqueKey, msg.GetProperty("UNIQ_KEY"))
	}

	c.Inject(rmqtest.Send, rmqtest.Answer(13, "too large"), 1)
	_, err = p.SendSync(soon(t), orders(3)...)
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 13})
	require.Len(t, c.Messages(topic), 3, "it was not split")
}

func TestSendBatchGivesEachMessageItsOutcome(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	msgs := orders(100)
	msgs[50] = order("bad")
	msgs[50].WithProperty("WAIT", "false")
	msgs[51] = nil

	results := p.SendBatch(soon(t), msgs)

	require.Len(t, results, 100)
	stored := ids(c.Messages(topic))
	require.Len(t, stored, 98)
	for i, r := range results {
		if i == 50 || i == 51 {
			require.Error(t, r.Err)
			require.Nil(t, r.Result)
			continue
		}
		require.NoError(t, r.Err)
		require.Equal(t, 1, stored[r.Result.MsgID])
	}
	require.Empty(t, p.SendBatch(soon(t), nil))
}

// A batch whose answer was lost is looked for by one message and found for all.
func TestLostBatchIsFoundForAll(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithLanes(2))
	release, _, first := occupy(t, c, p)
	lost := loseAnswerOf(c, "o-0003")
	rest := make(chan map[string]*primitive.SendResult)
	go func() { rest <- sendAll(t, p, orders(10)...) }()
	release()
	<-first
	eventually(t, func() bool { return lost.Hits() > 0 && len(c.Messages(topic)) >= 12 }, "the batch is stored")
	mustSend(t, p, order("cover"))
	results := <-rest

	stored := c.Messages(topic)
	require.Len(t, stored, 13, "no duplicate: %v", keys(stored))
	at := map[string]rmqtest.Message{}
	for _, m := range stored {
		at[m.UniqueKey] = m
	}
	require.Len(t, results, 10)
	for _, r := range results {
		require.Equal(t, at[r.MsgID].QueueOffset, r.QueueOffset)
		require.True(t, strings.HasSuffix(r.OffsetMsgID, fmt.Sprintf("%016X", at[r.MsgID].CommitLogOffset)))
	}
	require.True(t, slices.ContainsFunc(stored, func(m rmqtest.Message) bool { return m.Properties["KEYS"] == "cover" }))
}

// What a batch stored without durability is told to each caller with its own result.
func TestNotDurableBatchTellsEachItsOwnResult(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c)
	release, _, first := occupy(t, c, p)
	errs := make(chan error, 10)
	for _, msg := range orders(cap(errs)) {
		require.NoError(t, p.SendAsync(soon(t), func(_ ctxT, _ *primitive.SendResult, err error) { errs <- err }, msg))
	}
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action { return rmqtest.AnswerAfterStore(10, "") })
	release()
	<-first
	seen := map[string]bool{}
	stored := map[string]rmqtest.Message{}
	for range cap(errs) {
		var notDurable *holdfast.NotDurableError
		require.ErrorAs(t, <-errs, &notDurable)
		for _, m := range c.Messages(topic) {
			stored[m.UniqueKey] = m
		}
		m, ok := stored[notDurable.Result.MsgID]
		require.True(t, ok)
		require.Equal(t, m.QueueOffset, notDurable.Result.QueueOffset)
		seen[notDurable.Result.MsgID] = true
	}
	require.Len(t, seen, cap(errs))
}
