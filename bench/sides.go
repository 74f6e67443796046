package main

import (
	"fmt"
	"log/slog"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	mqproducer "github.com/apache/rocketmq-client-go/v2/producer"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/official"
	"github.com/holdfast-mq/holdfast/producer"
)

// side is one of the two that are compared.
type side int

const (
	raw side = iota
	held
)

var sides = []side{raw, held}

func (s side) String() string { return [...]string{"raw", "holdfast"}[s] }

// silence discards what either side logs: both log through the official client's logger,
// which is one for the process.
func silence() { official.SetLogger(slog.New(slog.DiscardHandler)) }

// start starts a producer of the group. The options are holdfast's; the raw client has its
// own defaults, and the retries that its examples ask for.
func (s side) start(c holdfast.Cluster, group string, opts ...producer.Option) (rocketmq.Producer, error) {
	p, err := s.producer(c, group, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("%s: start: %w", s, err)
	}
	return p, nil
}

func (s side) producer(c holdfast.Cluster, group string, opts []producer.Option) (rocketmq.Producer, error) {
	if s == held {
		return producer.New(c, group, append(opts, producer.WithLogger(slog.New(slog.DiscardHandler)))...)
	}
	return rocketmq.NewProducer(
		mqproducer.WithNsResolver(primitive.NewPassthroughResolver(c.NameServers)),
		mqproducer.WithRetry(2),
		// Not in the examples: without it producers of one process share one client.
		mqproducer.WithInstanceName(group),
		mqproducer.WithGroupName(group),
	)
}
