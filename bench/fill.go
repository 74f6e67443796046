package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

const (
	fillBatch   = 200 // messages of one request
	fillSenders = 8
)

// fill creates the topic, if need be, and adds messages until so many are in it. What a case
// has filled the next rounds use again, with another group.
func (b *broker) fill(ctx context.Context, topic string, messages, bytes int) error {
	if b.filled == nil {
		b.filled = map[string]int{}
	}
	if b.filled[topic] == 0 {
		if err := b.cluster.CreateTopic(ctx, topic, queues); err != nil {
			return fmt.Errorf("fill %s: %w", topic, err)
		}
	}
	batches := (messages - b.filled[topic] + fillBatch - 1) / fillBatch
	if batches <= 0 {
		return nil
	}
	var wg sync.WaitGroup
	errs := make([]error, fillSenders)
	for s := range fillSenders {
		wg.Go(func() {
			for n := s; n < batches && errs[s] == nil; n += fillSenders {
				_, errs[s] = b.producers[held].SendSync(ctx, someMessages(topic, fillBatch, bytes)...)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("fill %s: %w", topic, err)
	}
	b.filled[topic] += batches * fillBatch
	return b.catchUp(ctx)
}

func someMessages(topic string, n, bytes int) []*primitive.Message {
	payload := body(bytes)
	msgs := make([]*primitive.Message, n)
	for i := range msgs {
		msgs[i] = primitive.NewMessage(topic, payload)
	}
	return msgs
}
