package lab

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// duplicatesAvoided is a meter provider that reads one of holdfast's counters: the messages
// that were found stored after an attempt without an answer, and not sent again.
type duplicatesAvoided struct {
	noop.MeterProvider
	messages atomic.Int64
}

func (d *duplicatesAvoided) Meter(string, ...metric.MeterOption) metric.Meter {
	return avoidedMeter{avoided: d}
}

type avoidedMeter struct {
	noop.Meter
	avoided *duplicatesAvoided
}

func (m avoidedMeter) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	if name != "holdfast.producer.duplicates_avoided" {
		return noop.Int64Counter{}, nil
	}
	return avoidedCounter{avoided: m.avoided}, nil
}

type avoidedCounter struct {
	noop.Int64Counter
	avoided *duplicatesAvoided
}

func (c avoidedCounter) Add(_ context.Context, n int64, _ ...metric.AddOption) {
	c.avoided.messages.Add(n)
}

func (c avoidedCounter) Enabled(context.Context) bool { return true }
