package main

import (
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2"

	"github.com/holdfast-mq/holdfast/producer"
)

// A Turn is one side's measurement in one round.
type Turn struct {
	Side     side
	Producer rocketmq.Producer // started, warm, and used by this side's turns alone
	Duration time.Duration     // how long to measure, for what has no length of its own
	Sends    int               // messages of the memory rows

	least  bool // raw's handlers are guarded as floorConsumption says
	broker *broker
	failed failures
}

// Open starts a producer that this turn has for itself: shut it down. The options are
// holdfast's.
func (t *Turn) Open(opts ...producer.Option) (rocketmq.Producer, error) {
	return t.Side.start(t.broker.cluster.Holdfast(), "bench-own-"+t.Side.String(), opts...)
}

// failures are sends that were not answered SEND_OK.
type failures struct {
	sends int
	first error
}

func (f *failures) add(other failures) {
	f.sends += other.sends
	if f.first == nil {
		f.first = other.first
	}
}

func (f failures) String() string {
	return fmt.Sprintf("%d sends failed, the first: %v", f.sends, f.first)
}
