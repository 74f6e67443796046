package lab

import (
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

func TestOrdersAreTheSameForBothClients(t *testing.T) {
	t.Parallel()
	require.Equal(t, newOrders("frozen", 50), newOrders("frozen", 50))
}

func TestOrdersAreOfManySizesAndSomeAreKeyed(t *testing.T) {
	t.Parallel()
	const compressed = 4096
	var small, large, keyed int
	for _, o := range newOrders("frozen", 1000) {
		msg := o.message("orders")
		switch size := len(msg.Body); {
		case size < 1000:
			small++
		case size >= compressed:
			large++
		}
		if msg.GetShardingKey() != "" {
			keyed++
		}
	}
	require.Greater(t, small, 500)
	require.Greater(t, large, 5, "some are compressed")
	require.Equal(t, 334, keyed)
}

func TestStoredOrderIsReadBack(t *testing.T) {
	t.Parallel()
	msg := newOrders("frozen", 1)[0].message("orders")
	m := &remoting.Message{Body: msg.Body, Properties: msg.GetProperties()}
	m.Properties[primitive.PropertyUniqueClientMessageIdKeyIndex] = "A"

	got, err := readOrder(m)
	require.NoError(t, err)
	require.Equal(t, stored{"frozen-000000", "A"}, got)

	m.Properties[primitive.PropertyKeys] = "frozen-000001"
	_, err = readOrder(m)
	require.ErrorContains(t, err, "KEYS")

	m.Body = m.Body[:len(m.Body)-1]
	_, err = readOrder(m)
	require.ErrorContains(t, err, "is no order")
}
