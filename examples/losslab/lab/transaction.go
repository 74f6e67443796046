package lab

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

const (
	commitSenders  = 8
	commitPatience = time.Minute
	commitPoll     = 100 * time.Millisecond
)

// commit sends each order in a transaction, commits it, and returns the messages that
// consumers of the topic get. The producer is gone when it returns.
func commit(ctx context.Context, cluster holdfast.Cluster, topic string, orders []order) ([]*primitive.MessageExt, error) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	p, err := rocketmq.NewTransactionProducer(committing{},
		producer.WithNsResolver(primitive.NewPassthroughResolver(cluster.NameServers)),
		producer.WithGroupName("losslab-transactions"),
		producer.WithInstanceName("losslab-transactions"))
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("start the raw transaction producer: %w", err)
	}
	// Only when all are seen: Shutdown makes the broker drop the last commits.
	defer func() { _ = p.Shutdown() }()

	if err := sendTransactions(ctx, p, topic, orders); err != nil {
		return nil, fmt.Errorf("send orders in transactions: %w", err)
	}
	return awaitCommitted(ctx, cluster, topic, len(orders))
}

// sendTransactions sends every order until that succeeds. One that was not answered may be
// there as well: it is committed too, and counted once.
func sendTransactions(ctx context.Context, p rocketmq.TransactionProducer, topic string, orders []order) error {
	failures := make([]error, commitSenders)
	var wg sync.WaitGroup
	for sender := range failures {
		wg.Go(func() {
			for i := sender; i < len(orders) && failures[sender] == nil; i += commitSenders {
				failures[sender] = sendTransaction(ctx, p, topic, orders[i])
			}
		})
	}
	wg.Wait()
	return errors.Join(failures...)
}

func sendTransaction(ctx context.Context, p rocketmq.TransactionProducer, topic string, o order) error {
	for {
		_, err := p.SendMessageInTransaction(ctx, o.message(topic))
		if err == nil || ctx.Err() != nil {
			return err
		}
		if ended := wait(ctx, commitPoll); ended != nil {
			return err
		}
	}
}

// awaitCommitted polls until the topic has n different orders.
func awaitCommitted(ctx context.Context, cluster holdfast.Cluster, topic string, n int) ([]*primitive.MessageExt, error) {
	client := remoting.NewClient(cluster)
	defer client.Close()
	for {
		messages, err := scan.Topic(ctx, client, topic)
		if err != nil {
			return nil, err
		}
		orders := oncePerOrder(messages)
		if len(orders) == n {
			return orders, nil
		}
		if err := wait(ctx, commitPoll); err != nil {
			return nil, fmt.Errorf("%d of %d committed orders are there: %w", len(orders), n, err)
		}
	}
}

func oncePerOrder(messages []*remoting.Message) []*primitive.MessageExt {
	seen := map[string]bool{}
	var orders []*primitive.MessageExt
	for _, m := range messages {
		if id := m.Properties[primitive.PropertyKeys]; !seen[id] {
			seen[id] = true
			orders = append(orders, consumed(m))
		}
	}
	return orders
}

// consumed is a message as the official client hands it to a consumer, as far as it matters
// here.
func consumed(m *remoting.Message) *primitive.MessageExt {
	body, err := m.Payload()
	if err != nil {
		body = m.Body
	}
	ext := &primitive.MessageExt{MsgId: m.UniqueKey(), OffsetMsgId: m.OffsetMsgID(), SysFlag: int32(m.SysFlag)}
	ext.Topic, ext.Body, ext.Flag = m.Topic, body, m.Flag
	ext.WithProperties(m.Properties)
	return ext
}

// committing is a local transaction that always commits.
type committing struct{}

func (committing) ExecuteLocalTransaction(*primitive.Message) primitive.LocalTransactionState {
	return primitive.CommitMessageState
}

func (committing) CheckLocalTransaction(*primitive.MessageExt) primitive.LocalTransactionState {
	return primitive.CommitMessageState
}
