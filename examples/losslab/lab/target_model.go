package lab

import (
	"context"
	"strconv"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

// modelTarget is rmqtest: a broker in this process.
type modelTarget struct {
	place
	brokers *rmqtest.Cluster
}

func modelChoice(why string) choice {
	return choice{
		title:   "model broker: rmqtest, in this process, " + why,
		isModel: true,
		start:   startModel, startFragile: startModelFragile,
		weakness: "disk too slow to flush, then power lost",
	}
}

// retryScale makes the 10 s after which a message is tried again one.
const retryScale = 0.1

func startModel(context.Context) (target, error) {
	brokers, err := rmqtest.Start(rmqtest.WithTimeScale(retryScale))
	if err != nil {
		return nil, err
	}
	return &modelTarget{modelPlace(brokers), brokers}, nil
}

func modelPlace(brokers *rmqtest.Cluster) place {
	return place{brokers.Holdfast(), func(_ context.Context, topic string) error {
		brokers.CreateTopic(topic, queues)
		return nil
	}}
}

func (m *modelTarget) broker() *rmqtest.Broker { return m.brokers.Brokers()[0] }
func (m *modelTarget) close()                  { m.brokers.Close() }

func (m *modelTarget) freeze() error {
	m.broker().Pause()
	return nil
}

func (m *modelTarget) thaw() error {
	m.broker().Resume()
	return nil
}

func (m *modelTarget) kill() error {
	m.broker().Stop()
	return nil
}

// restart takes a time: the model itself would be back in none.
func (m *modelTarget) restart(ctx context.Context) error {
	if err := wait(ctx, bootTime); err != nil {
		return err
	}
	m.broker().Start()
	return nil
}

func (m *modelTarget) lossy() site { return m.place }

func (m *modelTarget) loseAnswers(lose func(topic string) bool) (stop func()) {
	return m.brokers.Intercept(rmqtest.Send, losing(lose)).Remove
}

func (m *modelTarget) refuseRetries(group string) *refusal { return refuseRetries(m.brokers, group) }

// committed makes the messages by hand, with the properties that they have on a broker: the
// model does not end transactions.
func (m *modelTarget) committed(_ context.Context, topic string, orders []order) ([]*primitive.MessageExt, error) {
	messages := make([]*primitive.MessageExt, len(orders))
	for i, o := range orders {
		msg, id := o.message(topic), primitive.CreateUniqID()
		ext := &primitive.MessageExt{MsgId: id}
		ext.Topic, ext.Body = topic, msg.Body
		ext.WithProperties(msg.GetProperties())
		for name, value := range map[string]string{
			primitive.PropertyUniqueClientMessageIdKeyIndex: id,
			primitive.PropertyTransactionID:                 id,
			primitive.PropertyTransactionPrepared:           "true",
			primitive.PropertyProducerGroup:                 "losslab-transactions",
			primitive.PropertyRealTopic:                     topic,
			primitive.PropertyRealQueueId:                   strconv.Itoa(i % queues),
		} {
			ext.WithProperty(name, value)
		}
		messages[i] = ext
	}
	return messages, nil
}
