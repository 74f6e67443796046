package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
)

// closeTimeout is longer than any attempt takes.
const closeTimeout = 10 * time.Second

// held is holdfast.
type held struct{ producer *producer.Producer }

func newHeld(cluster holdfast.Cluster, name string, avoided *duplicatesAvoided) (*held, error) {
	p, err := producer.New(cluster, "losslab-holdfast-"+name,
		producer.WithLogger(slog.New(slog.DiscardHandler)),
		producer.WithMeterProvider(avoided))
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the holdfast producer: %w", err)
	}
	return &held{p}, nil
}

func (h *held) send(ctx context.Context, msg *primitive.Message) said {
	_, err := h.producer.Send(ctx, msg)
	switch {
	case err == nil:
		return acknowledged
	case errors.Is(err, holdfast.ErrOutcomeUnknown):
		return unknown
	default:
		return notStored
	}
}

func (h *held) forward(topic string, msg *primitive.MessageExt) *primitive.Message {
	return producer.Forward(topic, msg)
}

func (h *held) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = h.producer.Close(ctx) // every send has returned by now
}
