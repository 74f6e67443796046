package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// floorCases compare holdfast with the least that has to be done for the same, wherever a
// ratio to the raw client is wanted.
func floorCases() (cases []Case) {
	for _, on := range sendFlavours {
		cases = append(cases, floorCase(on.flavour, on.name, 1), floorCase(on.flavour, on.name, 64), floorCase(on.flavour, on.name, 512))
	}
	return append(cases, floorConsumption())
}

// floorConsumption compares with the least that keeps a listener from losing: a deadline, panics
// recovered, a message known while it is worked on, and its expiry put off.
func floorConsumption() Case {
	measure := consumption(consumed, func(*primitive.MessageExt) error { return nil })
	return Case{Rows: []Row{{Name: "floor/consume/256B", Unit: "msg/s"}}, Broker: cluster.AsyncFlush, Run: func(ctx context.Context, t *Turn) ([]float64, error) {
		if t.Side == held {
			return measure(ctx, t)
		}
		floor := *t
		floor.least = true
		return measure(ctx, &floor)
	}}
}

// leastGuard puts around a handler what floorConsumption says.
func leastGuard(h handle) handle {
	var atWork sync.Map
	return func(msg *primitive.MessageExt) (err error) {
		key := struct {
			queue  primitive.MessageQueue
			offset int64
		}{*msg.Queue, msg.QueueOffset}
		atWork.Store(key, msg)
		defer atWork.Delete(key)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v", v)
			}
		}()
		msg.WithProperty(primitive.PropertyConsumeStartTime, "253402300799999")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return h(msg)
	}
}

func floorCase(on cluster.Flavour, name string, senders int) Case {
	row := Row{Name: "floor/" + sendName(name, "256B", senders), Unit: "msg/s"}
	measure := throughput(senders, 256)
	under := func(p rocketmq.Producer) rocketmq.Producer { return &bare{Producer: p} }
	if senders == 1 {
		row.Name, row.Unit = row.Name+"/p50", "ms"
		measure = middle(256)
		under = func(p rocketmq.Producer) rocketmq.Producer { return hop{p} }
	}
	return Case{Rows: []Row{row}, Broker: on, Run: func(ctx context.Context, t *Turn) ([]float64, error) {
		if t.Side == held {
			return measure(ctx, t)
		}
		floor := *t
		floor.Producer = under(t.Producer)
		figures, err := measure(ctx, &floor)
		t.failed.add(floor.failed)
		return figures, err
	}}
}

func middle(bytes int) func(context.Context, *Turn) ([]float64, error) {
	run := latency(bytes)
	return func(ctx context.Context, t *Turn) ([]float64, error) {
		figures, err := run(ctx, t)
		if err != nil {
			return nil, err
		}
		return figures[1:2], nil
	}
}
