//go:build !race

package main

// The official push consumer races with itself while it starts: without -race.

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// Every order is billed, one of them at the second attempt, and what is no order is put aside.
func TestOrdersAreBilled(t *testing.T) {
	t.Parallel()
	cluster := rmqtest.New(t, rmqtest.WithTimeScale(0.001))
	cluster.CreateTopic("orders", 4)
	p, err := producer.New(cluster.Holdfast(), "shop")
	require.NoError(t, err)
	require.NoError(t, p.Start())
	defer p.Shutdown()
	for _, body := range []string{`{"id":"o-1","total":4200}`, "no order", `{"id":"o-2","total":1}`} {
		_, err := p.Send(t.Context(), primitive.NewMessage("orders", []byte(body)))
		require.NoError(t, err)
	}

	var mu sync.Mutex
	attempts, billed := map[string]int{}, map[string]int{}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- billOrders(ctx, cluster.Holdfast(), func(_ context.Context, o order) error {
			mu.Lock()
			defer mu.Unlock()
			attempts[o.ID]++
			if o.ID == "o-1" && attempts[o.ID] == 1 {
				return errors.New("the bank is closed")
			}
			billed[o.ID] += o.Total
			return nil
		})
	}()
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(billed) == 2 && len(cluster.Messages("%DLQ%billing")) == 1
	}, 30*time.Second, 5*time.Millisecond)
	stop()
	require.NoError(t, <-ended)

	require.Equal(t, map[string]int{"o-1": 4200, "o-2": 1}, billed)
	require.Equal(t, map[string]int{"o-1": 2, "o-2": 1}, attempts)
	require.Equal(t, "no order", string(cluster.Messages("%DLQ%billing")[0].Body))
}
