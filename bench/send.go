package main

import (
	"context"
	"fmt"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// sendFlavours are the brokers that sends are measured on, by the names of the rows.
var sendFlavours = []struct {
	name    string
	flavour cluster.Flavour
}{
	{"async-flush", cluster.AsyncFlush},
	{"sync-flush", cluster.SyncFlush},
}

var sendSizes = []struct {
	name  string
	bytes int
}{
	{"256B", 256},
	{"4KiB", 4 << 10},
}

// sendWants are what throughput is to be; latency of a single sender is bounded everywhere.
var sendWants = map[string]Want{
	"send/async-flush/256B/64": AtLeast(9),
	"send/sync-flush/256B/64":  AtLeast(3),
	"send/sync-flush/256B/512": AtLeast(7),
	"send/async-flush/4KiB/64": AtLeast(1),
	"send/sync-flush/4KiB/64":  AtLeast(1),
	"send/sync-flush/4KiB/512": AtLeast(1),
}

func sendCases() (cases []Case) {
	for _, on := range sendFlavours {
		for _, size := range sendSizes {
			for _, senders := range []int{1, 8, 64, 512} {
				cases = append(cases, sendCase(on.flavour, sendName(on.name, size.name, senders), senders, size.bytes))
			}
		}
	}
	return cases
}

func sendName(flavour, size string, senders int) string {
	return fmt.Sprintf("send/%s/%s/%d", flavour, size, senders)
}

func sendCase(on cluster.Flavour, name string, senders, bytes int) Case {
	rows := []Row{{Name: name, Unit: "msg/s", Want: sendWants[name]}}
	if senders > 1 {
		return Case{Rows: rows, Broker: on, Run: throughput(senders, bytes)}
	}
	rows = append(rows,
		Row{Name: name + "/p50", Unit: "ms", Want: AtMost(1.05)},
		Row{Name: name + "/p99", Unit: "ms"})
	return Case{Rows: rows, Broker: on, Run: latency(bytes)}
}

// throughput is messages per second of so many senders.
func throughput(senders, bytes int) func(context.Context, *Turn) ([]float64, error) {
	return func(ctx context.Context, t *Turn) ([]float64, error) {
		s, err := sendUntil(ctx, t.Producer, senders, body(bytes), until(t.Duration))
		if err != nil {
			return nil, err
		}
		t.failed.add(s.failed)
		return []float64{s.perSecond()}, nil
	}
}

// latency is throughput, median and 99th percentile of a single sender.
func latency(bytes int) func(context.Context, *Turn) ([]float64, error) {
	return func(ctx context.Context, t *Turn) ([]float64, error) {
		s, err := sendUntil(ctx, t.Producer, 1, body(bytes), until(t.Duration))
		if err != nil {
			return nil, err
		}
		t.failed.add(s.failed)
		return []float64{s.perSecond(), s.millis(50), s.millis(99)}, nil
	}
}

// durableRows compare holdfast's durable sends with raw's that a power failure takes back.
func durableRows() []Derived {
	return []Derived{{
		Row:      Row{Name: "send/durable/256B/64", Unit: "msg/s", Want: AtLeast(2)},
		Raw:      sendName("async-flush", "256B", 64),
		Holdfast: sendName("sync-flush", "256B", 64),
	}}
}
