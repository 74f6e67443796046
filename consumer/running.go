package consumer

import (
	"context"
	"errors"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// getRunningInfo is GET_CONSUMER_RUNNING_INFO: the broker hands it on to the client.
const getRunningInfo = 307

type runningInfoHeader struct {
	Group  string `rmq:"consumerGroup"`
	Client string `rmq:"clientId"`
	Stack  bool   `rmq:"jstackEnable"`
}

// brokersOfGroup is an inspector that asks the masters of the group's topics.
type brokersOfGroup struct {
	client  *remoting.Client
	masters *masters
	group   string   // wire name
	topics  []string // wire names
}

// members asks every master. One that does not answer is passed over as long as another does.
func (b *brokersOfGroup) members(ctx context.Context) (membership, error) {
	all := membership{brokers: map[string]string{}, merged: map[string]subscriptions{}}
	addresses := map[string]string{}
	var failures []error
	for _, topic := range b.topics {
		masters, err := b.masters.of(ctx, topic)
		if err != nil {
			failures = append(failures, err)
		}
		for name, address := range masters {
			addresses[name] = address
		}
	}
	answered := false
	for _, address := range addresses {
		connections, err := b.client.ConsumerConnections(ctx, address, b.group)
		if errors.Is(err, &holdfast.BrokerError{Code: remoting.ConsumerNotOnline}) {
			answered = true
			continue
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		answered = true
		for _, c := range connections.Connections {
			all.brokers[c.ClientID] = address
		}
		table := subscriptions{}
		for topic, s := range connections.Subscriptions {
			table[topic] = normalised(s.SubString, s.ExpressionType)
		}
		all.merged[address] = table
	}
	if !answered {
		return all, errors.Join(failures...)
	}
	return all, nil
}

// subscriptionsOf asks the client, through the broker at the address.
func (b *brokersOfGroup) subscriptionsOf(ctx context.Context, address, client string) (subscriptions, error) {
	response, err := b.client.Do(ctx, address, remoting.NewRequest(getRunningInfo, runningInfoHeader{b.group, client, false}, nil))
	if err != nil {
		return nil, err
	}
	var info struct { // no more of it: official clients write hash codes of tags as text, or as numbers
		Subscriptions []struct {
			Topic          string `json:"topic"`
			SubString      string `json:"subString"`
			ExpressionType string `json:"expressionType"`
		} `json:"subscriptionSet"`
	}
	if err := remoting.UnmarshalFastjson(response.Body, &info); err != nil {
		return nil, err
	}
	taken := subscriptions{}
	for _, s := range info.Subscriptions {
		taken[s.Topic] = normalised(s.SubString, s.ExpressionType)
	}
	return taken, nil
}
