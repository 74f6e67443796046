// Quickstart sends one order and handles the three outcomes that a send can have. It wants to
// be told where RocketMQ is:
//
//	HOLDFAST_NAME_SERVERS=127.0.0.1:9876 go run ./quickstart
package main

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
)

func main() {
	cluster, err := holdfast.ClusterFromEnv()
	if err == nil {
		err = sendOrder(cluster)
	}
	if err != nil {
		log.Fatal(err)
	}
}

func sendOrder(cluster holdfast.Cluster) error {
	p, err := producer.New(cluster, "order-service")
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	defer p.Shutdown()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	order := primitive.NewMessage("orders", []byte(`{"id":"o-1","total":4200}`)).WithKeys([]string{"o-1"})
	result, err := p.Send(ctx, order)
	switch {
	case err == nil:
		log.Printf("stored: %s", result.MsgID) // the broker said SEND_OK
	case errors.Is(err, holdfast.ErrOutcomeUnknown):
		log.Printf("may be stored: %v", err) // send order again: it keeps its id, so that a duplicate can be told
	default:
		log.Printf("not stored: %v", err) // certainly not
	}
	return err
}
