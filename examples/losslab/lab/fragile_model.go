package lab

import (
	"context"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

// flushScale makes the model answer FLUSH_DISK_TIMEOUT after half a second instead of 5 s,
// well below the 3 s that the official client waits.
const flushScale = 0.1

// modelFragile is a model whose disk hangs. What it has not flushed is lost with the power.
type modelFragile struct {
	place
	brokers *rmqtest.Cluster
}

func startModelFragile(context.Context) (fragile, error) {
	brokers, err := rmqtest.Start(rmqtest.WithTimeScale(flushScale))
	if err != nil {
		return nil, err
	}
	return &modelFragile{modelPlace(brokers), brokers}, nil
}

func (m *modelFragile) weaken() error {
	m.brokers.Brokers()[0].StallFlush()
	return nil
}

func (m *modelFragile) destroy(context.Context) error {
	m.brokers.Brokers()[0].PowerFailure()
	m.brokers.Brokers()[0].Start()
	return nil
}

func (m *modelFragile) close() { m.brokers.Close() }
