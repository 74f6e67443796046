package producer_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestTwoBrokers(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{Flavour: cluster.TwoBrokers})
	together(t, c, scenario{"CoverIsPerBroker", coverIsPerBroker})
	inTurn(t, c, scenario{"OneIsKilledAndComesBack", oneIsKilledAndComesBack})
}

// What one broker answers says nothing about what another has stored.
func coverIsPerBroker(on *world) {
	proxy := on.proxy()
	p := on.producerOf(proxy.Holdfast(), producer.WithAttempts(1), impatient)
	to := func(broker, id string) *primitive.Message {
		msg := on.order(id)
		msg.Queue = &primitive.MessageQueue{Topic: on.topic, BrokerName: broker, QueueId: 0}
		return msg
	}
	before := on.producer()
	for i := range 100 { // the log of broker-b is the longer one
		on.mustSend(before, to("broker-b", fmt.Sprint("b-", i)))
	}
	strike(proxy, "lost", rmqtest.DropResponse(), 1)
	lost := to("broker-a", "lost")
	_, err := p.Send(on.soon(), lost)
	require.Equal(on, unknown, outcomeOf(err), "%v", err)

	cover := on.untilSent(p, to("broker-b", "elsewhere"))
	resolution, found := on.resolve(p, uniqueKey(lost))
	require.Equal(on, producer.Found, resolution)
	require.Less(on, on.offsetOf(found), on.offsetOf(cover))

	on.untilSent(p, to("broker-a", "cover"))
	resolution, _ = on.resolve(p, uniqueKey(lost))
	require.Equal(on, producer.FoundDurable, resolution)
}

// One of two brokers is killed and started again, with a stream of keyed messages and one of
// unkeyed ones going on.
func oneIsKilledAndComesBack(on *world) {
	keyed, unkeyed := on, &world{on.T, on.cluster, on.client, on.newTopic("-unkeyed", 4)}
	p := on.producer()
	killed := on.cluster.Master(1)

	down, back := make(chan struct{}), make(chan struct{})
	orders := keyed.sendKeyed(p, down)
	others := unkeyed.sendUnkeyed(p, down, back)
	on.await(orders.third, "a third is acknowledged")
	require.NoError(on, killed.Kill())
	close(down)
	on.await(others.went, "unkeyed messages go on")
	keyed.requireNotElsewhere(p, killed)
	require.NoError(on, killed.Restart(on.soon()))
	close(back)
	orders.done.Wait()
	others.done.Wait()

	keyed.requireOrder(orders)
	f := unkeyed.requireTruth(&others.record)
	require.Equal(on, f.attempted, f.acknowledged, "every one was taken, by one broker or the other")
}

const keys, eachKey = 40, 50

func customer(i int) string { return fmt.Sprint("customer-", i) }

type orders struct {
	done  sync.WaitGroup
	sent  atomic.Int64
	third chan struct{} // closed when a third is sent
}

// sendKeyed sends numbered messages of every key, each until it is acknowledged. The last
// third waits until the broker is down.
func (on *world) sendKeyed(p *producer.Producer, down <-chan struct{}) *orders {
	o := &orders{third: make(chan struct{})}
	for i := range keys {
		o.done.Go(func() {
			for n := range eachKey {
				if n >= eachKey*2/3 {
					<-down
				}
				msg := on.order(fmt.Sprintf("%s/%03d", customer(i), n)).WithShardingKey(customer(i))
				if !on.untilAcknowledged(p, msg) {
					return
				}
				if o.sent.Add(1) == keys*eachKey/3 {
					close(o.third)
				}
			}
		})
	}
	return o
}

func (on *world) untilAcknowledged(p *producer.Producer, msg *primitive.Message) bool {
	ctx, cancel := context.WithTimeout(on.Context(), patience)
	defer cancel()
	for {
		_, err := p.Send(ctx, msg)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			on.Errorf("%s: %v", msg.GetKeys(), err)
			return false
		}
	}
}

type others struct {
	record
	done  sync.WaitGroup
	alone atomic.Int64  // acknowledged while one broker was down
	went  chan struct{} // closed when enough were
}

// enough is how many messages show that sends go on.
const enough = 500

// sendUnkeyed sends until the broker is back.
func (on *world) sendUnkeyed(p *producer.Producer, down, back <-chan struct{}) *others {
	o := &others{went: make(chan struct{})}
	for sender := range 8 {
		o.done.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d/%d", sender, n)
				isDown := closed(down)
				ctx, cancel := context.WithTimeout(on.Context(), patience)
				_, err := p.Send(ctx, on.order(id))
				cancel()
				o.note(id, outcomeOf(err))
				if err == nil && isDown && o.alone.Add(1) == enough {
					close(o.went)
				}
				if closed(back) || on.Context().Err() != nil {
					return
				}
			}
		})
	}
	return o
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// requireNotElsewhere wants the keys of a broker that is away not to be sent elsewhere: also
// once the name server has taken the broker out of the route, and by a producer that starts
// only now and was told the queues.
func (on *world) requireNotElsewhere(p *producer.Producer, away *cluster.Node) {
	on.Helper()
	on.eventually(func() bool {
		route, err := on.client.Route(on.soon(), on.topic)
		return err == nil && len(route.WriteQueues(on.topic)) == 4
	}, "the route is without "+away.Name())
	late := on.producer(producer.WithAttempts(2), producer.WithQueues(on.topic, map[string]int{"broker-a": 4, "broker-b": 4}))
	hasOne := false
	for i := range keys {
		msg := on.order(fmt.Sprintf("%s/late", customer(i))).WithShardingKey(customer(i))
		result, err := late.Send(on.soon(), msg)
		if err == nil {
			require.NotEqual(on, away.Name(), result.MessageQueue.BrokerName)
			continue
		}
		hasOne = true
		require.Equal(on, notStored, outcomeOf(err), "%v", err)
	}
	require.True(on, hasOne, "a key belongs to %s", away.Name())
}

// requireOrder wants every key in one queue, and there in order, with duplicates folded.
func (on *world) requireOrder(o *orders) {
	on.Helper()
	queues := map[string]remoting.Queue{}
	numbers := map[string][]string{}
	seen := map[string]bool{}
	messages := 0
	for _, at := range on.perQueue() {
		for _, m := range at.messages {
			messages++
			key := m.Properties[primitive.PropertyShardingKey]
			if _, ok := queues[key]; !ok {
				queues[key] = at.queue
			}
			require.Equal(on, queues[key], at.queue, "key %s stays in its queue", key)
			if !seen[m.UniqueKey()] {
				seen[m.UniqueKey()] = true
				numbers[key] = append(numbers[key], keyOf(m))
			}
		}
	}
	onBroker := map[string]int{}
	for i := range keys {
		var want []string
		for n := range eachKey {
			want = append(want, fmt.Sprintf("%s/%03d", customer(i), n))
		}
		got := numbers[customer(i)]
		require.Subset(on, got, want, "nothing is lost")
		require.IsIncreasing(on, withoutLate(got))
		onBroker[queues[customer(i)].Broker]++
	}
	require.Len(on, onBroker, 2, "both brokers have keys")
	on.Logf("keyed: acknowledged %d, stored %d of %d ids; keys per broker %v", o.sent.Load(), messages, len(seen), onBroker)
}

// withoutLate leaves out what another producer sent, which no order binds to the others.
func withoutLate(numbers []string) []string {
	var list []string
	for _, n := range numbers {
		if n[len(n)-1] != 'e' {
			list = append(list, n)
		}
	}
	return list
}

type queueContent struct {
	queue    remoting.Queue
	messages []*remoting.Message
}

// perQueue is what is stored, queue by queue: a stored message does not name its broker.
func (on *world) perQueue() []queueContent {
	on.Helper()
	on.stored() // waits until the queues have all that is in the logs
	route, err := on.client.Route(on.soon(), on.topic)
	require.NoError(on, err)
	var all []queueContent
	for _, q := range route.ReadQueues(on.topic) {
		messages, err := scan.Queue(on.soon(), on.client, route.Master(q.Broker), q)
		require.NoError(on, err)
		all = append(all, queueContent{q, messages})
	}
	require.Len(on, all, 8)
	return all
}
