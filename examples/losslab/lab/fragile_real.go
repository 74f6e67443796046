package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// realFragile is a master that answers FLUSH_SLAVE_TIMEOUT when its slave has not received a
// message. What the slave has is what is left when the master's disk is lost.
type realFragile struct {
	place
	brokers *cluster.Cluster
	topics  []string
	left    map[string][]*remoting.Message // by topic, after destroy
}

func (b Brokers) startFragile(ctx context.Context) (fragile, error) {
	brokers, err := b.Start(ctx, cluster.Config{
		Flavour: cluster.MasterSlave,
		// Well below the 3 s that the official client waits for an answer.
		Extra: map[string]string{"slaveTimeout": "500"},
	})
	if err != nil {
		return nil, err
	}
	return &realFragile{place: placeOf(brokers), brokers: brokers}, nil
}

func (r *realFragile) createTopic(ctx context.Context, topic string) error {
	r.topics = append(r.topics, topic)
	return r.place.createTopic(ctx, topic)
}

func (r *realFragile) weaken() error { return r.brokers.Slave().Kill() }

// destroy loses the master and brings the slave back: it cannot catch up any more.
func (r *realFragile) destroy(ctx context.Context) error {
	stored := map[string][]*remoting.Message{}
	for _, topic := range r.topics {
		messages, err := r.place.read(ctx, topic)
		if err != nil {
			return err
		}
		stored[topic] = messages
	}
	if err := r.brokers.Master(0).Kill(); err != nil {
		return err
	}
	if err := r.brokers.Slave().Restart(ctx); err != nil {
		return err
	}
	r.left = map[string][]*remoting.Message{}
	for topic, messages := range stored {
		var err error
		if r.left[topic], err = r.onSlave(ctx, messages); err != nil {
			return err
		}
	}
	return nil
}

func (r *realFragile) read(_ context.Context, topic string) ([]*remoting.Message, error) {
	return r.left[topic], nil
}

func (r *realFragile) close() { _ = r.brokers.Close() }

// slaveReaders is how many messages are read from the slave at once.
const slaveReaders = 16

// onSlave returns those of a master's messages that its slave has. They lie at the same place
// of its log, and can be read there; its queues cannot, because it does not know the topic
// yet.
func (r *realFragile) onSlave(ctx context.Context, messages []*remoting.Message) ([]*remoting.Message, error) {
	client := remoting.NewClient(r.cluster())
	defer client.Close()
	found := make([]*remoting.Message, len(messages))
	failures := make([]error, slaveReaders)
	var wg sync.WaitGroup
	for reader := range slaveReaders {
		wg.Go(func() {
			for i := reader; i < len(messages) && failures[reader] == nil; i += slaveReaders {
				found[i], failures[reader] = view(ctx, client, r.brokers.Slave().Address(), messages[i])
			}
		})
	}
	wg.Wait()
	var left []*remoting.Message
	for _, m := range found {
		if m != nil {
			left = append(left, m)
		}
	}
	return left, errors.Join(failures...)
}

// view returns a broker's copy of a message, or nil if its log does not reach that far.
func view(ctx context.Context, client *remoting.Client, broker string, m *remoting.Message) (*remoting.Message, error) {
	answer, err := client.Do(ctx, broker, remoting.NewRequest(remoting.ViewMessageByID, remoting.ViewMessageHeader{Offset: m.CommitLogOffset}, nil))
	if errors.Is(err, &holdfast.BrokerError{Code: remoting.SystemError}) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the slave: %w", err)
	}
	copies, err := remoting.DecodeMessages(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("read the slave: %w", err)
	}
	if len(copies) != 1 || copies[0].UniqueKey() != m.UniqueKey() {
		return nil, fmt.Errorf("read the slave: it has something else in the place of %s", m.UniqueKey())
	}
	return copies[0], nil
}
