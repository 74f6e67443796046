package producer_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

const (
	topic    = "orders"
	patience = 20 * time.Second
	tick     = 5 * time.Millisecond
)

func TestMain(m *testing.M) {
	rlog.SetLogLevel("fatal") // for the raw client; ours is silenced by quiet
	os.Exit(m.Run())
}

var quiet = slog.New(slog.DiscardHandler)

// impatient is for tests that lose answers: not to wait 3 s for each.
var impatient = producer.WithAttemptTimeout(time.Second)

// start starts a producer that is closed with the test.
func start(t testing.TB, c *rmqtest.Cluster, opts ...producer.Option) *producer.Producer {
	t.Helper()
	p := create(t, c, opts...)
	require.NoError(t, p.Start())
	return p
}

func create(t testing.TB, c *rmqtest.Cluster, opts ...producer.Option) *producer.Producer {
	t.Helper()
	opts = append([]producer.Option{
		producer.WithLogger(quiet),
		producer.WithBackoff(time.Millisecond, 20*time.Millisecond),
	}, opts...)
	p, err := producer.New(c.Holdfast(), "shop", opts...)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

func order(id string) *primitive.Message {
	msg := primitive.NewMessage(topic, []byte("order "+id))
	return msg.WithKeys([]string{id})
}

func orderOf(customer, id string) *primitive.Message { return order(id).WithShardingKey(customer) }

// soon is a context that ends when the test's patience does.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func mustSend(t testing.TB, p *producer.Producer, msg *primitive.Message) *primitive.SendResult {
	t.Helper()
	result, err := p.Send(soon(t), msg)
	require.NoError(t, err)
	require.Equal(t, primitive.SendOK, result.Status)
	return result
}

// registered waits until a producer's first heartbeat has come to every broker, and returns
// the producer's id. Tests that stop a broker wait for it: with that heartbeat the official
// client forgets brokers that it finds absent, in a way that races with sends.
func registered(t testing.TB, c *rmqtest.Cluster) (clientID string) {
	t.Helper()
	client := remoting.NewClient(c.Holdfast())
	defer client.Close()
	for _, b := range c.Brokers() {
		eventually(t, func() bool {
			connections, err := client.ProducerConnections(soon(t), b.Addr(), "shop")
			if err == nil {
				clientID = connections.Connections[0].ClientID
			}
			return err == nil
		}, "%s knows the producer", b.Name())
	}
	return clientID
}

// keys are the business ids of what is stored, in order.
func keys(messages []rmqtest.Message) []string {
	var list []string
	for _, m := range messages {
		list = append(list, m.Properties[primitive.PropertyKeys])
	}
	return list
}

// ids are the distinct UNIQ_KEYs of what is stored.
func ids(messages []rmqtest.Message) map[string]int {
	count := map[string]int{}
	for _, m := range messages {
		count[m.UniqueKey]++
	}
	return count
}

func eventually(t testing.TB, condition func() bool, what string, args ...any) {
	t.Helper()
	require.Eventually(t, condition, patience, tick, fmt.Sprintf(what, args...))
}

// keysSorted are the business ids stored, sorted.
func keysSorted(c *rmqtest.Cluster) []string {
	list := keys(c.Messages(topic))
	slices.Sort(list)
	return list
}

// carries says whether a send request has a message with that business id.
func carries(r *rmqtest.Request, key string) bool {
	return bytes.Contains(r.Body, []byte("order "+key))
}

type ctxT = context.Context
