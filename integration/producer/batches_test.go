package producer_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// requireResult holds a result against what is stored under its id.
func (on *world) requireResult(stored map[string]*remoting.Message, msg *primitive.Message, result *primitive.SendResult) {
	on.Helper()
	m := stored[result.MsgID]
	require.NotNil(on, m, "%s is stored", result.MsgID)
	require.Equal(on, uniqueKey(msg), result.MsgID)
	require.Equal(on, m.OffsetMsgID(), result.OffsetMsgID)
	require.Equal(on, m.QueueOffset, result.QueueOffset)
	require.Equal(on, &primitive.MessageQueue{Topic: msg.Topic, BrokerName: "broker-a", QueueId: m.QueueID}, result.MessageQueue)
	payload, err := m.Payload()
	require.NoError(on, err)
	require.Equal(on, msg.Body, payload)
	require.Equal(on, msg.GetKeys(), keyOf(m))
	require.Equal(on, msg.GetTags(), m.Properties[primitive.PropertyTags])
	require.Equal(on, msg.Flag, m.Flag)
}

func byUniqueKey(messages []*remoting.Message) map[string]*remoting.Message {
	byID := map[string]*remoting.Message{}
	for _, m := range messages {
		byID[m.UniqueKey()] = m
	}
	return byID
}

// Sixty-four senders share requests; the result of each says where its own message is.
func eachItsOwnResult(on *world) {
	const senders, each = 64, 25
	proxy := on.proxy()
	requests := proxy.Inject(rmqtest.Send, rmqtest.Pass(), 0)
	p := on.producerOf(proxy.Holdfast())

	type sent struct {
		msg    *primitive.Message
		result *primitive.SendResult
		err    error
	}
	all := make([]sent, senders*each)
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", sender, i)
				msg := on.order(id).WithTag("paid")
				msg.Flag = int32(i)
				switch i % 5 {
				case 1:
					msg.WithShardingKey(fmt.Sprint("customer-", sender))
				case 2:
					msg.Body = []byte(strings.Repeat(id, 2000)) // compressed, so alone
				}
				result, err := p.Send(on.soon(), msg)
				all[sender*each+i] = sent{msg, result, err}
			}
		})
	}
	wg.Wait()

	messages := on.stored()
	require.Len(on, messages, len(all))
	stored := byUniqueKey(messages)
	for _, s := range all {
		require.NoError(on, s.err)
		on.requireResult(stored, s.msg, s.result)
	}
	on.Logf("%d messages in %d requests", len(all), requests.Hits())
	require.Less(on, requests.Hits(), len(all)/2, "they shared requests")
}

// orders is a batch of n messages.
func (on *world) orders(prefix string, n int) []*primitive.Message {
	var batch []*primitive.Message
	for i := range n {
		batch = append(batch, on.order(fmt.Sprint(prefix, i)))
	}
	return batch
}

func explicitBatch(on *world) {
	p := on.producer()
	batch := on.orders("b-", 10)

	result, err := p.SendSync(on.soon(), batch...)

	require.NoError(on, err)
	messages := on.stored()
	require.Len(on, messages, len(batch))
	var ids, offsetIDs []string
	for i, m := range messages { // one queue, in order
		require.Equal(on, result.QueueOffset+int64(i), m.QueueOffset)
		require.Equal(on, result.MessageQueue.QueueId, m.QueueID)
		require.Equal(on, uniqueKey(batch[i]), m.UniqueKey())
		ids, offsetIDs = append(ids, m.UniqueKey()), append(offsetIDs, m.OffsetMsgID())
	}
	require.Equal(on, strings.Join(ids, ","), result.MsgID)
	require.Equal(on, strings.Join(offsetIDs, ","), result.OffsetMsgID)
}

// A batch is stored whole or not at all, so one look-up decides for all of it.
func explicitBatchIsFoundWhole(on *world) {
	proxy := on.proxy()
	p := on.producerOf(proxy.Holdfast(), patient)
	storeOnce(proxy, "b-3")
	batch := on.orders("b-", 10)

	ended := make(chan error, 1)
	go func() { _, err := p.SendSync(on.soon(), batch...); ended <- err }()
	on.eventually(func() bool { return len(on.stored()) == len(batch) }, "stored")
	on.mustSend(p, on.order("cover"))

	require.NoError(on, <-ended)
	require.Len(on, on.stored(), len(batch)+1)
}

// A broker that takes less than the producer's batches has them sent in parts; what is too
// large by itself is not stored, whole batches of the caller included.
func batchesAreSplit(on *world) {
	const limit, senders, each = 65536, 64, 6
	on.configure("maxMessageSize", fmt.Sprint(limit))
	proxy := on.proxy()
	var mu sync.Mutex
	larger := 0
	proxy.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		mu.Lock()
		defer mu.Unlock()
		if len(r.Body) > limit {
			larger++
		}
		return rmqtest.Pass()
	})
	p := on.producerOf(proxy.Holdfast())

	var r record
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", sender, i)
				msg := on.order(id)
				msg.Body = append(msg.Body, bytes.Repeat([]byte{'.'}, 3000)...)
				_, err := p.Send(on.soon(), msg)
				r.note(id, outcomeOf(err))
			}
		})
	}
	large := on.order("large")
	large.Body = make([]byte, limit+1000)
	_, _ = rand.Read(large.Body)
	_, err := p.Send(on.soon(), large)
	r.note("large", outcomeOf(err))
	requireRefused(on, err)
	batch := on.orders("batch-", 30)
	for _, msg := range batch {
		msg.Body = append(msg.Body, bytes.Repeat([]byte{'.'}, 3000)...)
		r.note(msg.GetKeys(), notStored)
	}
	_, err = p.SendSync(on.soon(), batch...)
	requireRefused(on, err)
	wg.Wait()

	f := on.requireTruth(&r)
	require.Equal(on, senders*each, f.acknowledged, "all but what is too large by itself")
	require.Zero(on, f.duplicated)
	on.Logf("%d batches were too large for the broker", larger)
	require.Greater(on, larger, 2, "batches of the producer's own were, not only what was given so")
}

func requireRefused(on *world, err error) {
	on.Helper()
	require.Equal(on, notStored, outcomeOf(err), "%v", err)
	refused := (*holdfast.BrokerError)(nil)
	require.True(on, errors.As(err, &refused), "%v", err)
	on.Logf("refused: %v", err)
}

// A delayed message is in a request of its own, or the broker would deliver it at once.
func delayedMessage(on *world) {
	proxy := on.proxy()
	var mu sync.Mutex
	var codes []int
	proxy.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if carries(r, "later") {
			mu.Lock()
			defer mu.Unlock()
			codes = append(codes, r.Code)
		}
		return rmqtest.Pass()
	})
	p := on.producerOf(proxy.Holdfast())
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if _, err := p.Send(on.soon(), on.order(fmt.Sprint("now-", i))); err != nil {
				on.Error(err)
			}
		})
	}
	on.mustSend(p, on.order("later").WithDelayTimeLevel(6)) // 2 s
	wg.Wait()

	mu.Lock()
	require.Len(on, codes, 1)
	require.NotEqual(on, remoting.SendBatchMessage, codes[0])
	mu.Unlock()
	on.eventually(func() bool { return len(on.copies("later")) == 1 }, "delivered")
	m := on.copies("later")[0]
	require.GreaterOrEqual(on, m.StoreTimestamp-m.BornTimestamp, int64(2000), "by the broker's clock")
	require.Len(on, on.stored(), 65)
}

func namespace(on *world) {
	c := on.cluster.Holdfast()
	c.Namespace = "shop-eu"
	require.NoError(on, on.cluster.CreateTopic(on.soon(), c.Topic(on.topic), 2))
	p := on.producerOf(c)
	msg := on.order("o-1")

	result := on.mustSend(p, msg)

	require.Equal(on, on.topic, msg.Topic)
	require.Equal(on, on.topic, result.MessageQueue.Topic)
	require.Empty(on, on.stored())
	messages := on.storedIn("shop-eu%" + on.topic)
	require.Len(on, messages, 1)
	on.requireResult(byUniqueKey(messages), msg, result)
	on.requireFound(p, result)
}
