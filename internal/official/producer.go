package official

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strconv"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/google/uuid"

	"github.com/holdfast-mq/holdfast"
)

// NewProducer returns a producer of the official client that makes exactly one attempt for a
// SendSync, chooses queues by selector (nil leaves the client's round robin) and compresses
// bodies of compressFrom bytes and more. It is not started and has connected to nothing.
//
// Every producer has an instance name of its own, so that it shares connections, credentials
// and heartbeats with nothing else in the process, and Shutdown is safe even if Start was
// never called or failed. It has no interceptor, no trace and no namespace: topics are sent
// as they are (see holdfast.Cluster.Topic), only the group gets the cluster's namespace here.
//
// The error is the client's refusal of its options; c is expected to be valid.
func NewProducer(c holdfast.Cluster, group string, selector producer.QueueSelector, compressFrom int) (rocketmq.Producer, error) {
	if group == "" {
		// The client would quietly call it DEFAULT_PRODUCER.
		return nil, errors.New("official: producer: group is empty: name the producer group")
	}
	options := []producer.Option{
		producer.WithGroupName(c.Topic(group)),
		producer.WithInstanceName(instanceName()),
		producer.WithNameServer(nameServers(c)),
		producer.WithRetry(0),
		producer.WithCompressMsgBodyOverHowmuch(compressFrom),
	}
	if selector != nil {
		options = append(options, producer.WithQueueSelector(selector))
	}
	if c.AccessKey != "" {
		options = append(options, producer.WithCredentials(primitive.Credentials{
			AccessKey: c.AccessKey,
			SecretKey: c.SecretKey,
		}))
	}
	p, err := rocketmq.NewProducer(options...)
	if err != nil {
		return nil, fmt.Errorf("official: producer: %w", err)
	}
	return p, nil
}

// ClientID returns the id under which brokers know a producer made by NewProducer, and "" for
// any other implementation. The client offers no way to ask; the id is put together from its
// options as the client itself does.
func ClientID(p rocketmq.Producer) string {
	v := reflect.ValueOf(p)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return ""
	}
	options := v.Elem().FieldByName("options")
	if options.Kind() != reflect.Struct {
		return ""
	}
	return clientID(options)
}

// clientID is what the client makes of its options.
func clientID(options reflect.Value) string {
	ip, instance := options.FieldByName("ClientIP"), options.FieldByName("InstanceName")
	if ip.Kind() != reflect.String || instance.Kind() != reflect.String {
		return ""
	}
	return ip.String() + "@" + instance.String()
}

// instanceName is unique in the world, and says at which process to look.
func instanceName() string {
	return strconv.Itoa(os.Getpid()) + "#" + uuid.NewString()
}

// nameServers spells the addresses so that the client takes every one of them: it accepts a
// DNS name only with this prefix, which it cuts off again before it dials, and its check of
// IPv6 addresses is a guess. The result is never nil: for nil the client would read the
// environment.
func nameServers(c holdfast.Cluster) primitive.NamesrvAddr {
	spelled := make(primitive.NamesrvAddr, 0, len(c.NameServers))
	for _, address := range c.NameServers {
		spelled = append(spelled, "http://"+address)
	}
	return spelled
}
