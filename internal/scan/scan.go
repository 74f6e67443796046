// Package scan reads what brokers have really stored, straight from their queues. It is the
// truth that tests and the loss lab compare with: no consumer is involved.
package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	// group is one that every broker knows without being told.
	group = "TOOLS_CONSUMER"

	pullSize  = 32
	pollEvery = 5 * time.Millisecond
)

// Topic returns every message stored under a topic's wire name, on the masters of its route,
// in the order of broker, queue and offset. It first waits until the brokers have put all
// that is in their logs into the queues. The error says which broker or queue could not be
// read; when ctx ends, so does the scan.
func Topic(ctx context.Context, client *remoting.Client, topic string) ([]*remoting.Message, error) {
	route, err := client.Route(ctx, topic)
	if err != nil {
		return nil, fmt.Errorf("scan: route of %q: %w", topic, err)
	}
	if err := awaitDispatch(ctx, client, route); err != nil {
		return nil, err
	}

	queues := route.ReadQueues(topic)
	found := make([][]*remoting.Message, len(queues))
	failed := make([]error, len(queues))
	var wg sync.WaitGroup
	for i, queue := range queues {
		wg.Go(func() {
			found[i], failed[i] = Queue(ctx, client, route.Master(queue.Broker), queue)
		})
	}
	wg.Wait()
	return slices.Concat(found...), errors.Join(failed...)
}

// Queue returns every message stored in one queue, by offset.
func Queue(ctx context.Context, client *remoting.Client, broker string, queue remoting.Queue) ([]*remoting.Message, error) {
	next, err := client.MinOffset(ctx, broker, queue.Topic, queue.ID)
	if err != nil {
		return nil, fmt.Errorf("scan: oldest offset of %v: %w", queue, err)
	}
	end, err := client.MaxOffset(ctx, broker, queue.Topic, queue.ID)
	if err != nil {
		return nil, fmt.Errorf("scan: newest offset of %v: %w", queue, err)
	}

	var messages []*remoting.Message
	for next < end {
		pulled, err := client.Pull(ctx, broker, remoting.PullMessageHeader{
			ConsumerGroup: group, Topic: queue.Topic, QueueID: queue.ID, QueueOffset: next, MaxMsgNums: pullSize,
			SysFlag: remoting.PullSubscription, Subscription: "*", ExpressionType: "TAG",
		})
		if err != nil {
			return nil, fmt.Errorf("scan: pull from %v at %d: %w", queue, next, err)
		}
		messages = append(messages, pulled.Messages...)
		if pulled.NextBeginOffset <= next {
			return nil, fmt.Errorf("scan: %v does not go on after %d of %d", queue, next, end)
		}
		next = pulled.NextBeginOffset
	}
	return messages, nil
}

func awaitDispatch(ctx context.Context, client *remoting.Client, route *remoting.Route) error {
	for _, broker := range route.Brokers {
		master := broker.Addresses[remoting.MasterID]
		for master != "" {
			info, err := client.RuntimeInfo(ctx, master)
			if err != nil {
				return fmt.Errorf("scan: runtime info of %s: %w", broker.Name, err)
			}
			if info["dispatchBehindBytes"] == "0" {
				break
			}
			select {
			case <-time.After(pollEvery):
			case <-ctx.Done():
				return fmt.Errorf("scan: %s has not dispatched its log: %w", broker.Name, context.Cause(ctx))
			}
		}
	}
	return nil
}
