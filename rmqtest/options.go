package rmqtest

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// clusterName is the name that brokers have by default, also in front of the reply topic.
	clusterName = "DefaultCluster"

	defaultMaxMessageSize = 4 << 20
)

// Option changes a default of New and Start.
type Option func(*options)

type options struct {
	brokers        []string
	queues         int
	queuesSet      bool // otherwise as a real broker decides
	timeScale      float64
	createTopics   bool
	createGroups   bool
	accessKey      string
	secretKey      string
	signed         bool
	asyncFlush     bool
	inSyncReplicas int
	maxMessageSize int
}

func defaultOptions() options {
	return options{
		brokers:        []string{"broker-a"},
		timeScale:      1,
		createTopics:   true,
		createGroups:   true,
		inSyncReplicas: 1,
		maxMessageSize: defaultMaxMessageSize,
	}
}

// WithBrokers names the brokers; there is one for each name. The default is "broker-a".
// Names must differ.
func WithBrokers(names ...string) Option {
	return func(o *options) { o.brokers = slices.Clone(names) }
}

// WithQueues sets how many queues a topic gets that is created by its first send. The
// default is a real broker's: what the client asks for, at most 8; the official client asks
// for 4.
func WithQueues(n int) Option {
	return func(o *options) { o.queues, o.queuesSet = n, true }
}

// WithTimeScale multiplies every duration of the brokers by f: with 0.001 what takes 10 s
// takes 10 ms. It covers delay levels, timed messages, lock expiry, long polling, and the
// timeouts of flush and replication, not the delays of scripted faults. The default is 1; f
// must be above 0.
func WithTimeScale(f float64) Option { return func(o *options) { o.timeScale = f } }

// WithoutAutoCreateTopics makes brokers answer TOPIC_NOT_EXIST to a send to a topic that
// nobody created, as autoCreateTopicEnable=false does.
func WithoutAutoCreateTopics() Option { return func(o *options) { o.createTopics = false } }

// WithoutAutoCreateGroups makes brokers refuse consumer groups that nobody created, as
// autoCreateSubscriptionGroup=false does.
func WithoutAutoCreateGroups() Option { return func(o *options) { o.createGroups = false } }

// WithCredentials makes brokers refuse every request that is not signed with these keys,
// with NO_PERMISSION. Cluster.Holdfast carries them. Neither may be empty.
func WithCredentials(accessKey, secretKey string) Option {
	return func(o *options) { o.accessKey, o.secretKey, o.signed = accessKey, secretKey, true }
}

// WithAsyncFlush makes brokers acknowledge messages that are not flushed: they stay so until
// Broker.Flush, and are lost by Broker.PowerFailure. The default is SYNC_FLUSH, where a
// message is flushed before it is acknowledged.
func WithAsyncFlush() Option { return func(o *options) { o.asyncFlush = true } }

// WithInSyncReplicas sets how many copies, the master's included, a message must have before
// it is acknowledged, as inSyncReplicas with SYNC_MASTER does. With 2 there is a slave until
// Broker.LoseSlave. The default is 1: no slave. Only 1 and 2 are modelled.
func WithInSyncReplicas(n int) Option { return func(o *options) { o.inSyncReplicas = n } }

// WithMaxMessageSize bounds a message's body, and the body of a whole batch, in bytes. The
// default is 4 MiB; n must be above 0.
func WithMaxMessageSize(n int) Option { return func(o *options) { o.maxMessageSize = n } }

func (o options) validate() error {
	var complaints []error
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Errorf("rmqtest: "+format, args...))
	}
	if len(o.brokers) == 0 {
		complain("WithBrokers has no names: give at least one")
	}
	for i, name := range o.brokers {
		if name == "" || slices.Contains(o.brokers[:i], name) {
			complain("WithBrokers name %d, %q, is empty or there twice: give each broker a name of its own", i, name)
		}
	}
	if o.queuesSet && o.queues < 1 {
		complain("WithQueues is %d: a topic has at least one queue", o.queues)
	}
	if !(o.timeScale > 0) {
		complain("WithTimeScale is %v: give a factor above 0", o.timeScale)
	}
	if o.signed && (o.accessKey == "" || o.secretKey == "") {
		complain("WithCredentials has an empty key: give both")
	}
	if o.inSyncReplicas != 1 && o.inSyncReplicas != 2 {
		complain("WithInSyncReplicas is %d: give 1 or 2", o.inSyncReplicas)
	}
	if o.maxMessageSize < 1 {
		complain("WithMaxMessageSize is %d: give a size above 0", o.maxMessageSize)
	}
	return errors.Join(complaints...)
}

// scaled is how long d takes in the cluster; never less than a microsecond.
func (o options) scaled(d time.Duration) time.Duration {
	return max(time.Duration(float64(d)*o.timeScale), time.Microsecond)
}
