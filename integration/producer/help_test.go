// Package producer_test holds the producer to its promises on real brokers: what it says of
// every send is compared with what is stored in the brokers' queues.
package producer_test

import (
	"bytes"
	"cmp"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

const (
	group    = "shop"
	patience = 2 * time.Minute
	tick     = 20 * time.Millisecond
)

func TestMain(m *testing.M) {
	rlog.SetLogLevel("fatal") // of the raw client; the producer's is silenced by quiet
	os.Exit(m.Run())
}

var quiet = slog.New(slog.DiscardHandler)

// impatient is for tests that lose answers: not to wait 3 s for each.
var impatient = producer.WithAttemptTimeout(time.Second)

// world is a cluster as one test sees it: with a topic of its own.
type world struct {
	*testing.T
	cluster *cluster.Cluster
	client  *remoting.Client // straight to the brokers, as the administrator if there is one
	topic   string
}

func newWorld(t *testing.T, c *cluster.Cluster) *world {
	on := &world{T: t, cluster: c, client: remoting.NewClient(c.Holdfast())}
	t.Cleanup(on.client.Close)
	on.topic = on.newTopic("", 4)
	return on
}

// newTopic creates a topic that is named after the test.
func (on *world) newTopic(suffix string, queues int) string {
	on.Helper()
	topic := strings.NewReplacer("/", "-", ".", "_").Replace(on.Name()) + suffix
	require.NoError(on, on.cluster.CreateTopic(on.soon(), topic, queues))
	return topic
}

// soon is a context that ends when the test's patience does.
func (on *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(on.Context(), patience)
	on.Cleanup(cancel)
	return ctx
}

func (on *world) eventually(condition func() bool, what string) {
	on.Helper()
	require.Eventually(on, condition, patience, tick, what)
}

// await waits until c is closed.
func (on *world) await(c <-chan struct{}, what string) {
	on.Helper()
	select {
	case <-c:
	case <-on.soon().Done():
		require.FailNow(on, "it has not come about: "+what)
	}
}

// producer is a started producer that goes straight to the brokers and is closed with the
// test.
func (on *world) producer(opts ...producer.Option) *producer.Producer {
	on.Helper()
	return on.producerOf(on.cluster.Holdfast(), opts...)
}

func (on *world) producerOf(c holdfast.Cluster, opts ...producer.Option) *producer.Producer {
	on.Helper()
	p, err := producer.New(c, group, append([]producer.Option{producer.WithLogger(quiet)}, opts...)...)
	require.NoError(on, err)
	on.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = p.Close(ctx)
	})
	require.NoError(on, p.Start())
	return p
}

// proxy stands before the name server and the brokers.
func (on *world) proxy() *faultproxy.Proxy {
	on.Helper()
	proxy, err := faultproxy.Start(on.soon(), on.cluster.Holdfast())
	require.NoError(on, err)
	on.Cleanup(proxy.Close)
	return proxy
}

// order is a message with a business id of its own.
func (on *world) order(id string) *primitive.Message {
	return primitive.NewMessage(on.topic, []byte("order "+id+";")).WithKeys([]string{id})
}

// carries says whether a send request has the message with that business id, in a batch or
// by itself.
func carries(r *rmqtest.Request, id string) bool {
	if r.Code == remoting.SendBatchMessage {
		return bytes.Contains(r.Body, []byte("order "+id+";"))
	}
	properties := remoting.DecodeProperties(cmp.Or(r.Ext["properties"], r.Ext["i"]))
	return properties[primitive.PropertyKeys] == id
}

func (on *world) mustSend(p *producer.Producer, msg *primitive.Message) *primitive.SendResult {
	on.Helper()
	result, err := p.Send(on.soon(), msg)
	require.NoError(on, err)
	require.Equal(on, primitive.SendOK, result.Status)
	return result
}

// untilSent sends until it is acknowledged: for producers that do not try again by themselves.
func (on *world) untilSent(p *producer.Producer, msg *primitive.Message) *primitive.SendResult {
	on.Helper()
	var result *primitive.SendResult
	on.eventually(func() bool {
		var err error
		result, err = p.Send(on.soon(), msg)
		return err == nil
	}, "sent")
	return result
}

// stored is everything that is stored in the test's topic.
func (on *world) stored() []*remoting.Message {
	on.Helper()
	return on.storedIn(on.topic)
}

func (on *world) storedIn(topic string) []*remoting.Message {
	on.Helper()
	messages, err := scan.Topic(on.soon(), on.client, topic)
	require.NoError(on, err)
	return messages
}

// copies is what is stored under a business id.
func (on *world) copies(id string) []*remoting.Message {
	on.Helper()
	var copies []*remoting.Message
	for _, m := range on.stored() {
		if keyOf(m) == id {
			copies = append(copies, m)
		}
	}
	return copies
}

func keyOf(m *remoting.Message) string { return m.Properties[primitive.PropertyKeys] }

func uniqueKey(msg *primitive.Message) string {
	return msg.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex)
}

// offsetOf is the commit-log offset in a result's offset id.
func (on *world) offsetOf(result *primitive.SendResult) int64 {
	on.Helper()
	_, offset, err := remoting.ParseOffsetMsgID(result.OffsetMsgID)
	require.NoError(on, err)
	return offset
}

// configure changes a running master's configuration until the test ends.
func (on *world) configure(key, value string) {
	on.Helper()
	master := on.cluster.Master(0).Address()
	was, err := on.client.BrokerConfig(on.soon(), master)
	require.NoError(on, err)
	require.Contains(on, was, key)
	require.NoError(on, on.client.UpdateBrokerConfig(on.soon(), master, map[string]string{key: value}))
	on.Cleanup(func() {
		client := remoting.NewClient(on.cluster.Holdfast())
		defer client.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := client.UpdateBrokerConfig(ctx, master, map[string]string{key: was[key]}); err != nil {
			on.Error(err)
		}
	})
}

// scenario is a test on a cluster that it shares.
type scenario struct {
	name string
	run  func(on *world)
}

// together runs scenarios at the same time: they mostly wait, and t.Parallel allows no more
// than there are processors.
func together(t *testing.T, c *cluster.Cluster, scenarios ...scenario) {
	var wg sync.WaitGroup
	for _, s := range scenarios {
		wg.Go(func() { t.Run(s.name, func(t *testing.T) { s.run(newWorld(t, c)) }) })
	}
	wg.Wait()
}

// inTurn runs scenarios that stop the brokers, or change what they do for others.
func inTurn(t *testing.T, c *cluster.Cluster, scenarios ...scenario) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { s.run(newWorld(t, c)) })
	}
}
