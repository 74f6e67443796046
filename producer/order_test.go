package producer_test

import (
	"fmt"
	"hash/fnv"
	"sync"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// perKey is the numbers stored under each sharding key, in the order of its queue, with
// duplicates under one UNIQ_KEY folded.
func perKey(t *testing.T, c *rmqtest.Cluster) map[string][]string {
	t.Helper()
	seen := map[string]bool{}
	queue := map[string]string{}
	numbers := map[string][]string{}
	for _, m := range c.Messages(topic) {
		key := m.Properties[primitive.PropertyShardingKey]
		place := fmt.Sprint(m.Broker, ":", m.QueueID)
		if queue[key] == "" {
			queue[key] = place
		}
		require.Equal(t, queue[key], place, "key %s stays in its queue", key)
		if !seen[m.UniqueKey] {
			seen[m.UniqueKey] = true
			numbers[key] = append(numbers[key], m.Properties[primitive.PropertyKeys])
		}
	}
	return numbers
}

// Per sharding key what was acknowledged in order is stored in order, in one queue, while a
// broker goes away and comes back and answers and requests are lost.
func TestOrderPerShardingKey(t *testing.T) {
	t.Parallel()
	const customers, each = 20, 60
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic(topic, 4)
	p := start(t, c, impatient, producer.WithAttempts(3))
	mustSend(t, p, orderOf("nobody", "first"))
	registered(t, c)
	var n int
	var mu sync.Mutex
	c.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action {
		mu.Lock()
		defer mu.Unlock()
		switch n++; n % 40 {
		case 0:
			return rmqtest.DropResponse()
		case 10:
			return rmqtest.CloseAfter()
		case 20:
			return rmqtest.DropRequest()
		case 30:
			return rmqtest.Answer(2, "busy")
		}
		return rmqtest.Pass()
	})

	var wg sync.WaitGroup
	for customer := range customers {
		wg.Go(func() {
			key := fmt.Sprint("customer-", customer)
			for i := range each {
				msg := orderOf(key, fmt.Sprintf("%s/%03d", key, i))
				for {
					if _, err := p.Send(soon(t), msg); err == nil {
						break
					} else if soon(t).Err() != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	half := make(chan struct{})
	go func() {
		defer close(half)
		eventually(t, func() bool { return len(c.Messages(topic)) > customers*each/3 }, "a third is stored")
		c.Broker("broker-b").Stop()
		eventually(t, func() bool { return len(c.Messages(topic)) > customers*each/2 }, "broker-a goes on")
		c.Broker("broker-b").Start()
	}()
	wg.Wait()
	<-half

	numbers := perKey(t, c)
	delete(numbers, "nobody")
	require.Len(t, numbers, customers)
	for key, list := range numbers {
		require.Len(t, list, each, "key %s", key)
		require.IsIncreasing(t, list, "key %s", key)
	}
}

// The queue is the official hash selector's, so that raw producers of the same topic agree.
func TestQueueOfAKeyIsTheOfficialHash(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic(topic, 4)
	p := start(t, c)
	for i := range 20 {
		key := fmt.Sprint("customer-", i)
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(key))
		at := int(hash.Sum32() % 8)
		queue := mustSend(t, p, orderOf(key, "o")).MessageQueue
		require.Equal(t, []string{"broker-a", "broker-b"}[at/4], queue.BrokerName)
		require.Equal(t, at%4, queue.QueueId)
	}
}

// A key whose broker is away is not stored, never in another queue; also by a producer that
// starts meanwhile, if it was told the queues.
func TestKeyOfAnAbsentBrokerIsNotStoredElsewhere(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic(topic, 4)
	p := start(t, c, producer.WithAttempts(2))
	ofB := ""
	for i := 0; ofB == ""; i++ {
		key := fmt.Sprint("customer-", i)
		if mustSend(t, p, orderOf(key, "o")).MessageQueue.BrokerName == "broker-b" {
			ofB = key
		}
	}
	registered(t, c)
	c.Broker("broker-b").Stop()
	late := start(t, c, producer.WithAttempts(2), producer.WithQueues(topic, map[string]int{"broker-a": 4, "broker-b": 4}))

	for _, p := range []*producer.Producer{p, late} {
		_, err := p.Send(soon(t), orderOf(ofB, "late"))
		require.Error(t, err)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	}
	require.NotContains(t, keys(c.Messages(topic)), "late")
}

func TestPresetQueueAndSelectorAreObeyed(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic(topic, 4)
	msg := order("o-1")
	msg.Queue = &primitive.MessageQueue{Topic: topic, BrokerName: "broker-a", QueueId: 3}
	require.Equal(t, 3, mustSend(t, start(t, c), msg).MessageQueue.QueueId)
	require.Equal(t, 3, msg.Queue.QueueId)

	p := start(t, c, producer.WithQueueSelector(second{}))
	for range 3 {
		require.Equal(t, 1, mustSend(t, p, orderOf("any", "o-2")).MessageQueue.QueueId)
	}
}

// second selects the second queue.
type second struct{}

func (second) Select(_ *primitive.Message, queues []*primitive.MessageQueue, _ string) *primitive.MessageQueue {
	return queues[1]
}
