package lab

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// order is what is sent. Its id stands in the body and in KEYS; the figures go by it, because
// a UNIQ_KEY is the client's and not the business's.
type order struct {
	ID       string `json:"id"`
	Customer string `json:"customer"`
	Lines    []line `json:"lines"`

	keyed bool // sent with the customer as sharding key
}

type line struct {
	Article string `json:"article"`
	Text    string `json:"text"`
	Count   int    `json:"count"`
	Cents   int    `json:"cents"`
}

const maxLines = 80

// newOrders makes n orders, the same ones every time: most are of some hundred bytes, one in
// thirty is above the 4 KiB from which clients compress, and every third has a sharding key.
func newOrders(name string, n int) []order {
	random := rand.New(rand.NewPCG(1, 2))
	orders := make([]order, n)
	for i := range orders {
		orders[i] = order{
			ID:       fmt.Sprintf("%s-%06d", name, i),
			Customer: fmt.Sprintf("customer-%03d", random.IntN(200)),
			Lines:    newLines(random),
			keyed:    i%3 == 0,
		}
	}
	return orders
}

func newLines(random *rand.Rand) []line {
	few := random.ExpFloat64()
	lines := make([]line, min(1+int(4*few*few), maxLines))
	for i := range lines {
		article := random.IntN(100_000)
		lines[i] = line{
			Article: fmt.Sprintf("A-%05d", article),
			Text:    fmt.Sprintf("%s %d mm", articles[article%len(articles)], 1+random.IntN(400)),
			Count:   1 + random.IntN(12),
			Cents:   1 + random.IntN(50_000),
		}
	}
	return lines
}

var articles = []string{"hexagon bolt, galvanised,", "anchor plate, hot-dip,", "washer, stainless,", "threaded rod, grade 8.8,"}

// message is the order as both clients send it.
func (o order) message(topic string) *primitive.Message {
	body, err := json.Marshal(o)
	if err != nil {
		panic(err) // strings and numbers
	}
	msg := primitive.NewMessage(topic, body).WithTag("placed").WithKeys([]string{o.ID})
	if o.keyed {
		msg.WithShardingKey(o.Customer)
	}
	return msg
}

// readOrder tells whose copy a stored message is. The error means that it is not what was
// sent.
func readOrder(m *remoting.Message) (stored, error) {
	body, err := m.Payload()
	if err != nil {
		return stored{}, err
	}
	var o order
	if err := json.Unmarshal(body, &o); err != nil {
		return stored{}, fmt.Errorf("the body of %s is no order: %w", m.UniqueKey(), err)
	}
	if keys := strings.Fields(m.Properties[primitive.PropertyKeys]); len(keys) != 1 || keys[0] != o.ID {
		return stored{}, fmt.Errorf("order %s is stored with the KEYS %q", o.ID, keys)
	}
	return stored{id: o.ID, uniqueKey: m.UniqueKey()}, nil
}
