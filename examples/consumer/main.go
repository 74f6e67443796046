// Consumer bills orders, and acknowledges none before it is billed. It wants to be told where
// RocketMQ is, and ends in order on an interrupt:
//
//	HOLDFAST_NAME_SERVERS=127.0.0.1:9876 go run ./consumer
package main

import (
	"context"
	"encoding/json"
	"log"
	"os/signal"
	"syscall"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	cluster, err := holdfast.ClusterFromEnv()
	if err == nil {
		err = billOrders(ctx, cluster, func(_ context.Context, o order) error {
			log.Printf("billed: %s, %d", o.ID, o.Total)
			return nil
		})
	}
	if err != nil {
		log.Fatal(err)
	}
}

type order struct {
	ID    string `json:"id"`
	Total int    `json:"total"`
}

func billOrders(ctx context.Context, cluster holdfast.Cluster, bill func(context.Context, order) error) error {
	c, err := consumer.New(cluster, "billing")
	if err != nil {
		return err
	}
	err = c.Handle("orders", "*", func(ctx context.Context, msg *primitive.MessageExt) error {
		var o order
		if err := json.Unmarshal(msg.Body, &o); err != nil {
			return holdfast.Reject(err) // a dead letter: it will never be an order
		}
		return bill(ctx, o) // nil: acknowledged; an error: tried again later, 16 attempts in all
	})
	if err != nil {
		return err
	}
	return c.Run(ctx) // until ctx ends and what runs has finished
}
