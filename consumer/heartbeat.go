package consumer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// routeTick is how often a name server is asked whether it knows a new topic.
const routeTick = 50 * time.Millisecond

// Prepare makes the group known to the brokers of its topics (by bare name, with the tags that
// the group's consumers subscribe, such as "a || b" or "*"), so that its retry topic is there.
// Call it before an official push consumer of a new group is started: the client looks up
// where the topic is once in 30 s, and until then nobody gets what is to be tried again.
//
// It returns nil when the name servers route the retry topic to every broker of the topics
// that answers; where that is so already, it only asks. The error says that a topic has no
// route, that the brokers do not create the group, that the group has no retry queues, or that
// ctx ended before. No member of the group is left behind, and none is disturbed.
func (r *Retries) Prepare(ctx context.Context, topics map[string]string) error {
	if err := r.begin(); err != nil {
		return err
	}
	defer r.end()
	_, err := (&announce{r.client, r.cluster, r.group}).run(ctx, topics)
	return err
}

// announce makes a consumer group known to the brokers of its topics, so that its retry topic
// is there before the official client looks up where that is: it looks once in 30 s, and until
// then nobody gets what is to be tried again.
//
// A broker makes the topic for a group when a member's first heartbeat arrives. So a member
// is sent there, only where the topic is missing, and taken out again at once: where it is
// missing the group has had no member yet, so there is none whose queues would be shared out
// anew.
type announce struct {
	client  *remoting.Client
	cluster holdfast.Cluster
	group   string // bare
}

// run returns nil when the name servers route the group's retry topic to every master of the
// topics (bare names, with the expressions that the group subscribes) that answers. It returns
// an error if the group may not be created, if it has no retry queues, or when ctx ends. The
// masters that did not answer are in away.
func (a *announce) run(ctx context.Context, topics map[string]string) (away []string, err error) {
	masters, err := a.masters(ctx, topics)
	if err != nil {
		return nil, err
	}
	there := a.routed(ctx)
	var missing []string
	var failures []error
	for broker, address := range masters {
		var err error
		if there[broker] {
			err = a.allowed(ctx, address)
		} else {
			err = a.beat(ctx, address, topics)
		}
		if unanswered := (*remoting.TransportError)(nil); errors.As(err, &unanswered) && ctx.Err() == nil {
			away = append(away, broker)
			continue
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("broker %s: %w", broker, err))
			continue
		}
		if !there[broker] {
			missing = append(missing, broker)
		}
	}
	slices.Sort(away)
	if err := errors.Join(failures...); err != nil {
		if remoting.Denied(err) {
			err = fmt.Errorf("%w: the account needs the right to consume (Sub) the topics, and as the group: see docs/ACL.md", err)
		}
		return away, fmt.Errorf("consumer: group %q: %w", a.group, err)
	}
	if len(away) == len(masters) {
		return away, fmt.Errorf("consumer: group %q: no broker of its topics answers: %v", a.group, away)
	}
	return away, a.await(ctx, missing)
}

// masters are the masters of all topics, by broker name.
func (a *announce) masters(ctx context.Context, topics map[string]string) (map[string]string, error) {
	masters := map[string]string{}
	for topic := range topics {
		route, err := a.client.Route(ctx, a.cluster.Topic(topic))
		if err != nil {
			return nil, fmt.Errorf("consumer: group %q: route of topic %q: %w", a.group, topic, err)
		}
		for _, broker := range route.Brokers {
			if address := broker.Addresses[remoting.MasterID]; address != "" {
				masters[broker.Name] = address
			}
		}
	}
	return masters, nil
}

// routed are the brokers that have queues of the group's retry topic.
func (a *announce) routed(ctx context.Context) map[string]bool {
	brokers := map[string]bool{}
	route, err := a.client.Route(ctx, a.cluster.Topic(retryPrefix+a.group))
	if err != nil {
		return brokers
	}
	for _, queues := range route.Queues {
		brokers[queues.Broker] = queues.ReadQueueNums > 0 && queues.WriteQueueNums > 0
	}
	return brokers
}

// await polls the name servers until they know the retry topic on the brokers.
func (a *announce) await(ctx context.Context, brokers []string) error {
	ticker := time.NewTicker(routeTick)
	defer ticker.Stop()
	for {
		there := a.routed(ctx)
		lacking := slices.DeleteFunc(slices.Clone(brokers), func(broker string) bool { return there[broker] })
		if len(lacking) == 0 {
			return nil
		}
		for _, broker := range lacking {
			if _, known := there[broker]; known {
				return fmt.Errorf("consumer: group %q: its retry topic has no queues on broker %s: set retryQueueNums of the group to 1", a.group, broker)
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			slices.Sort(lacking)
			return fmt.Errorf("consumer: group %q: the name servers do not know its retry topic on %v: %w", a.group, lacking, context.Cause(ctx))
		}
	}
}

type heartbeatBody struct {
	ClientID  string              `json:"clientID"`
	Producers []struct{}          `json:"producerDataSet"`
	Consumers []heartbeatConsumer `json:"consumerDataSet"`
}

type heartbeatConsumer struct {
	Group         string         `json:"groupName"`
	Type          string         `json:"consumeType"`
	Model         string         `json:"messageModel"`
	FromWhere     string         `json:"consumeFromWhere"`
	Subscriptions []subscription `json:"subscriptionDataSet"`
}

// subscription has the version 0, so that it never takes the place of a member's own.
type subscription struct {
	Topic          string   `json:"topic"`
	Expression     string   `json:"subString"`
	Tags           []string `json:"tagsSet"`
	Codes          []int32  `json:"codeSet"`
	Version        int64    `json:"subVersion"`
	ExpressionType string   `json:"expressionType"`
}

// beat makes a member of the group and takes it out again. A broker that may not create the
// group passes over the heartbeat in silence, so it is asked who is there.
func (a *announce) beat(ctx context.Context, address string, topics map[string]string) error {
	group, id := a.cluster.Topic(a.group), "holdfast-"+uuid.NewString()
	member := heartbeatConsumer{Group: group, Type: "CONSUME_PASSIVELY", Model: "CLUSTERING", FromWhere: "CONSUME_FROM_FIRST_OFFSET"}
	for topic, expression := range topics {
		tags, codes := tagsOf(expression)
		member.Subscriptions = append(member.Subscriptions, subscription{a.cluster.Topic(topic), expression, tags, codes, 0, "TAG"})
	}
	body, err := json.Marshal(heartbeatBody{ClientID: id, Producers: []struct{}{}, Consumers: []heartbeatConsumer{member}})
	if err != nil {
		return err
	}
	if _, err := a.client.Do(ctx, address, remoting.NewRequest(remoting.HeartBeat, nil, body)); err != nil {
		return err
	}
	_, err = a.client.Do(ctx, address, remoting.NewRequest(remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: group}, nil))
	left := a.leave(ctx, address, group, id)
	if refused := (*holdfast.BrokerError)(nil); errors.As(err, &refused) && refused.Code == remoting.SystemError && !remoting.Denied(err) {
		return errors.New("the group does not exist and the broker does not create it: create it, as with mqadmin updateSubGroup, or set autoCreateSubscriptionGroup=true")
	}
	return errors.Join(err, left)
}

// allowed returns a refusal for want of the right to consume as the group: the official client
// starts without it, and consumes nothing.
func (a *announce) allowed(ctx context.Context, address string) error {
	_, err := a.client.Do(ctx, address, remoting.NewRequest(remoting.GetConsumerListByGroup, remoting.ConsumerGroupHeader{ConsumerGroup: a.cluster.Topic(a.group)}, nil))
	if refused := (*holdfast.BrokerError)(nil); errors.As(err, &refused) && !remoting.Denied(err) {
		return nil // nobody is there yet
	}
	return err
}

// leave takes the member out, also when ctx has ended: it would be given queues.
func (a *announce) leave(ctx context.Context, address, group, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	_, err := a.client.Do(ctx, address, remoting.NewRequest(remoting.UnregisterClient, remoting.UnregisterClientHeader{ClientID: id, ConsumerGroup: group}, nil))
	return err
}
