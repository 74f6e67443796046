package rmqtest_test

import (
	"context"
	"fmt"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

// The answer to a send is lost. The official client tries again, and the message is there
// twice, under one id.
func Example() {
	c, err := rmqtest.Start() // in a test: rmqtest.New(t)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	c.Inject(rmqtest.Send, rmqtest.CloseAfter(), 1)

	p, _ := rocketmq.NewProducer(producer.WithNameServer(c.Holdfast().NameServers), producer.WithInstanceName("example"))
	_ = p.Start()
	defer func() { _ = p.Shutdown() }()
	_, err = p.SendSync(context.Background(), primitive.NewMessage("orders", []byte("o-1")))

	stored := c.Messages("orders")
	fmt.Println("error:", err)
	fmt.Println("stored:", len(stored))
	fmt.Println("same id:", stored[0].UniqueKey == stored[1].UniqueKey)
	// Output:
	// error: <nil>
	// stored: 2
	// same id: true
}

// A function sees each request and decides.
func ExampleCluster_Intercept() {
	c, err := rmqtest.Start(rmqtest.WithBrokers("broker-a", "broker-b"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	const systemBusy = 2
	c.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if r.Topic == "orders" && r.Broker == "broker-a" {
			return rmqtest.Answer(systemBusy, "try another")
		}
		return rmqtest.Pass()
	})
	fmt.Println(len(c.Messages("orders")))
	// Output: 0
}
