package crash_test

import (
	"context"
	"sync"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const scheduleTopic = "SCHEDULE_TOPIC_XXXX"

// schedule follows the topic in which the broker keeps what it delivers later, those that it has
// delivered since included.
type schedule struct {
	client *remoting.Client
	broker string

	mu   sync.Mutex
	next map[int]int64       // queue
	ids  map[string][]string // of the messages kept so far, by the topic they are for
}

// levels are the delays in use: 1 s as members ask for, 10 s and on as the official client
// counts itself.
var levels = []int{1, 3, 4, 5, 6}

// of returns the ids of what was ever kept for the topic.
func (s *schedule) of(ctx context.Context, topic string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, level := range levels {
		if err := s.follow(ctx, level-1); err != nil {
			return nil, err
		}
	}
	return s.ids[topic], nil
}

func (s *schedule) follow(ctx context.Context, queue int) error {
	end, err := s.client.MaxOffset(ctx, s.broker, scheduleTopic, queue)
	if err != nil {
		return err
	}
	for s.next[queue] < end {
		pulled, err := s.client.Pull(ctx, s.broker, remoting.PullMessageHeader{
			ConsumerGroup: "TOOLS_CONSUMER", Topic: scheduleTopic, QueueID: queue, QueueOffset: s.next[queue], MaxMsgNums: 32,
			SysFlag: remoting.PullSubscription, Subscription: "*", ExpressionType: "TAG",
		})
		if err != nil {
			return err
		}
		for _, m := range pulled.Messages {
			topic := m.Properties["REAL_TOPIC"]
			s.ids[topic] = append(s.ids[topic], m.Properties["KEYS"])
		}
		if pulled.NextBeginOffset <= s.next[queue] {
			return nil // not dispatched yet
		}
		s.next[queue] = pulled.NextBeginOffset
	}
	return nil
}
