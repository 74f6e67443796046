package remoting

import (
	"context"
	"math"
	"strings"

	"github.com/holdfast-mq/holdfast"
)

// Typed calls. Their errors are a *TransportError, a *holdfast.BrokerError, or say what could
// not be decoded; all of them end when ctx does.

// Route asks the name servers for the route of a topic; code TopicNotExist if there is none.
func (c *Client) Route(ctx context.Context, topic string) (*Route, error) {
	return decodeBody[Route](c.CallNameServer(ctx, func() *Command {
		return NewRequest(GetRouteInfoByTopic, TopicHeader{topic}, nil)
	}))
}

// ClusterInfo asks the name servers for all brokers.
func (c *Client) ClusterInfo(ctx context.Context) (*ClusterInfo, error) {
	return decodeBody[ClusterInfo](c.CallNameServer(ctx, func() *Command {
		return NewRequest(GetBrokerClusterInfo, nil, nil)
	}))
}

// BrokerConfig asks a broker for its configuration.
func (c *Client) BrokerConfig(ctx context.Context, broker string) (map[string]string, error) {
	response, err := c.Do(ctx, broker, NewRequest(GetBrokerConfig, nil, nil))
	if err != nil {
		return nil, err
	}
	return decodeLines(string(response.Body)), nil
}

// UpdateBrokerConfig changes keys of a broker's configuration while it runs.
func (c *Client) UpdateBrokerConfig(ctx context.Context, broker string, config map[string]string) error {
	var body strings.Builder
	for key, value := range config {
		body.WriteString(key + "=" + value + "\n")
	}
	_, err := c.Do(ctx, broker, NewRequest(UpdateBrokerConfig, nil, []byte(body.String())))
	return err
}

func decodeLines(text string) map[string]string {
	config := map[string]string{}
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "="); ok {
			config[key] = value
		}
	}
	return config
}

// RuntimeInfo asks a broker for its figures.
func (c *Client) RuntimeInfo(ctx context.Context, broker string) (map[string]string, error) {
	info, err := decodeBody[RuntimeInfo](c.Do(ctx, broker, NewRequest(GetBrokerRuntimeInfo, nil, nil)))
	if err != nil {
		return nil, err
	}
	return info.Table, nil
}

// HAStatus asks a master for its slaves; brokers before 5.0 answer RequestCodeNotKnown.
func (c *Client) HAStatus(ctx context.Context, broker string) (*HAStatus, error) {
	return decodeBody[HAStatus](c.Do(ctx, broker, NewRequest(GetBrokerHAStatus, nil, nil)))
}

// TopicStats asks a broker for the offsets of a topic's queues.
func (c *Client) TopicStats(ctx context.Context, broker, topic string) (*TopicStats, error) {
	return decodeBody[TopicStats](c.Do(ctx, broker, NewRequest(GetTopicStatsInfo, TopicHeader{topic}, nil)))
}

// ConsumeStats asks a broker how far a group is; an empty topic means all of the group's.
func (c *Client) ConsumeStats(ctx context.Context, broker, group, topic string) (*ConsumeStats, error) {
	return decodeBody[ConsumeStats](c.Do(ctx, broker, NewRequest(GetConsumeStats, ConsumerGroupHeader{group, topic}, nil)))
}

// ConsumerConnections asks a broker for the clients of a consumer group; ConsumerNotOnline
// if it has none.
func (c *Client) ConsumerConnections(ctx context.Context, broker, group string) (*ConsumerConnections, error) {
	return decodeBody[ConsumerConnections](c.Do(ctx, broker, NewRequest(GetConsumerConnections, ConsumerGroupHeader{ConsumerGroup: group}, nil)))
}

// ProducerConnections asks a broker for the clients of a producer group; SystemError if it
// has none.
func (c *Client) ProducerConnections(ctx context.Context, broker, group string) (*ProducerConnections, error) {
	return decodeBody[ProducerConnections](c.Do(ctx, broker, NewRequest(GetProducerConnections, ProducerGroupHeader{group}, nil)))
}

// TopicConfig asks a broker for the configuration of a topic; brokers before 5.0 answer
// RequestCodeNotKnown.
func (c *Client) TopicConfig(ctx context.Context, broker, topic string) (*TopicConfig, error) {
	return decodeBody[TopicConfig](c.Do(ctx, broker, NewRequest(GetTopicConfig, TopicHeader{topic}, nil)))
}

// CreateTopic creates or changes a topic on one broker.
func (c *Client) CreateTopic(ctx context.Context, broker string, topic CreateTopicHeader) error {
	_, err := c.Do(ctx, broker, NewRequest(UpdateAndCreateTopic, topic, nil))
	return err
}

// MaxOffset is the offset that the next message of a queue will have.
func (c *Client) MaxOffset(ctx context.Context, broker, topic string, queue int) (int64, error) {
	return c.offset(ctx, broker, NewRequest(GetMaxOffset, OffsetHeader{Topic: topic, QueueID: queue}, nil))
}

// MinOffset is the offset of the oldest message that a queue still has.
func (c *Client) MinOffset(ctx context.Context, broker, topic string, queue int) (int64, error) {
	return c.offset(ctx, broker, NewRequest(GetMinOffset, OffsetHeader{Topic: topic, QueueID: queue}, nil))
}

func (c *Client) offset(ctx context.Context, broker string, request *Command) (int64, error) {
	response, err := c.Do(ctx, broker, request)
	if err != nil {
		return 0, err
	}
	var offset OffsetResponse
	err = DecodeHeader(response.Ext, &offset)
	return offset.Offset, err
}

// PullResult is one answer to a pull.
type PullResult struct {
	PullMessageResponse
	Messages []*Message
}

// Pull takes messages from a queue. Where there are none, Messages is empty and
// NextBeginOffset says where to go on.
func (c *Client) Pull(ctx context.Context, broker string, header PullMessageHeader) (*PullResult, error) {
	response, err := c.Call(ctx, broker, NewRequest(PullMessage, header, nil))
	if err != nil {
		return nil, err
	}
	result := &PullResult{}
	switch response.Code {
	case Success, PullNotFound, PullRetryImmediately, PullOffsetMoved:
	default:
		return nil, &holdfast.BrokerError{Code: response.Code, Remark: response.Remark, Broker: broker}
	}
	if err := DecodeHeader(response.Ext, &result.PullMessageResponse); err != nil {
		return nil, err
	}
	if response.Code == Success {
		result.Messages, err = DecodeMessages(response.Body)
	}
	return result, err
}

// QueryByUniqueKey asks a broker for the messages of a topic under a UNIQ_KEY, at most max.
// The index is filled asynchronously and by hash: nothing found proves nothing, and keys are
// compared here once more. Nothing found is not an error.
func (c *Client) QueryByUniqueKey(ctx context.Context, broker, topic, key string, max int) ([]*Message, error) {
	request := NewRequest(QueryMessage, QueryMessageHeader{
		Topic: topic, Key: key, MaxNum: max, BeginTimestamp: 0, EndTimestamp: math.MaxInt64, UniqueKeyQuery: true,
	}, nil)
	request.Version = versionBefore494 // for brokers of every version to agree on the signature
	response, err := c.Call(ctx, broker, request)
	if err != nil {
		return nil, err
	}
	switch response.Code {
	case Success:
	case QueryNotFound:
		return nil, nil
	default:
		return nil, &holdfast.BrokerError{Code: response.Code, Remark: response.Remark, Broker: broker}
	}
	messages, err := DecodeMessages(response.Body)
	if err != nil {
		return nil, err
	}
	found := messages[:0]
	for _, m := range messages {
		if m.UniqueKey() == key && m.Topic == topic {
			found = append(found, m)
		}
	}
	return found, nil
}

func decodeBody[T any](response *Command, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	body := new(T)
	if err := UnmarshalFastjson(response.Body, body); err != nil {
		return nil, err
	}
	return body, nil
}
