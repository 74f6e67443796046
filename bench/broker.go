package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	topic  = "bench"
	queues = 4 // as many as a topic gets that the raw client's first send creates
)

// production undoes what the cluster's defaults save on a small machine: small store files
// are rolled many times a second at the rates that are measured here.
var production = cluster.Config{
	Extra: map[string]string{
		"mappedFileSizeCommitLog":    "1073741824",
		"mappedFileSizeConsumeQueue": "6000000",
		"maxHashSlotNum":             "5000000",
		"maxIndexNum":                "20000000",
	},
	JVM: []string{"-Xms1g", "-Xmx1g", "-XX:MaxDirectMemorySize=1g", "-XX:TieredStopAtLevel=4"},
}

// broker is a running broker with a producer of each side.
type broker struct {
	cluster   *cluster.Cluster
	client    *remoting.Client
	producers [2]rocketmq.Producer
	filled    map[string]int // messages by topic
	consumers sync.WaitGroup // that were stopped and are not done yet
}

func startBroker(ctx context.Context, flavour cluster.Flavour) (*broker, error) {
	config := production
	config.Flavour = flavour
	c, err := cluster.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	b := &broker{cluster: c, client: remoting.NewClient(c.Holdfast())}
	err = c.CreateTopic(ctx, topic, queues)
	for _, s := range sides {
		if err == nil {
			b.producers[s], err = s.start(c.Holdfast(), "bench-"+s.String())
		}
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *broker) close() error {
	var errs []error
	b.consumers.Wait()
	for _, p := range b.producers {
		if p != nil {
			errs = append(errs, p.Shutdown())
		}
	}
	b.client.Close()
	return errors.Join(append(errs, b.cluster.Close())...)
}

// catchUp waits until the broker has dispatched to its consume queues and its index all that
// it was sent: otherwise the one whose turn comes next pays for what the other has sent.
func (b *broker) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		info, err := b.client.RuntimeInfo(ctx, b.cluster.Master(0).Address())
		if err != nil {
			return fmt.Errorf("the broker's figures: %w", err)
		}
		if info["dispatchBehindBytes"] == "0" {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the broker is still %s bytes behind: %w", info["dispatchBehindBytes"], context.Cause(ctx))
		}
	}
}

// progress says what is going on, apart from the table.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
