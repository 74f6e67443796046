package lab

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func realChoice(brokers Brokers) choice {
	return choice{
		title:        fmt.Sprintf("real broker: RocketMQ %s, %s, %s", cluster.DefaultVersion, cluster.SyncFlush, brokers.How),
		start:        brokers.startReal,
		startFragile: brokers.startFragile,
		weakness:     "slave away, then the master's disk lost",
	}
}

// realTarget is RocketMQ itself.
type realTarget struct {
	place
	brokers *cluster.Cluster
	proxy   *faultproxy.Proxy
}

func (b Brokers) startReal(ctx context.Context) (target, error) {
	brokers, err := b.Start(ctx, cluster.Config{
		Flavour: cluster.SyncFlush,
		// A half message that nobody answers for is thrown away while the lab still runs, so
		// that what is missing at its end does not come later.
		Extra: map[string]string{"transactionCheckMax": "5"},
	})
	if err != nil {
		return nil, err
	}
	proxy, err := faultproxy.Start(ctx, brokers.Holdfast())
	if err != nil {
		return nil, errors.Join(err, brokers.Close())
	}
	return &realTarget{placeOf(brokers), brokers, proxy}, nil
}

func placeOf(brokers *cluster.Cluster) place {
	return place{brokers.Holdfast(), func(ctx context.Context, topic string) error {
		return brokers.CreateTopic(ctx, topic, queues)
	}}
}

func (r *realTarget) freeze() error                     { return r.brokers.Master(0).Pause() }
func (r *realTarget) thaw() error                       { return r.brokers.Master(0).Resume() }
func (r *realTarget) kill() error                       { return r.brokers.Master(0).Kill() }
func (r *realTarget) restart(ctx context.Context) error { return r.brokers.Master(0).Restart(ctx) }

func (r *realTarget) committed(ctx context.Context, topic string, orders []order) ([]*primitive.MessageExt, error) {
	return commit(ctx, r.cluster(), topic, orders)
}

func (r *realTarget) lossy() site { return place{r.proxy.Holdfast(), r.create} }

func (r *realTarget) loseAnswers(lose func(topic string) bool) (stop func()) {
	return r.proxy.Intercept(rmqtest.Send, losing(lose)).Remove
}

func (r *realTarget) refuseRetries(group string) *refusal { return refuseRetries(r.proxy, group) }

func losing(lose func(topic string) bool) func(*rmqtest.Request) rmqtest.Action {
	return func(r *rmqtest.Request) rmqtest.Action {
		if lose(r.Topic) {
			return rmqtest.DropResponse()
		}
		return rmqtest.Pass()
	}
}

func (r *realTarget) close() {
	r.proxy.Close()
	_ = r.brokers.Close()
}
