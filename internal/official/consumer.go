package official

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/hooks"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// Push says what is left to choose of a push consumer. The zero value of a field is its
// default.
type Push struct {
	Orderly bool

	// Where a queue is begun that the group has no offset for: at the first message, unless
	// FromLast, or else FromTime, says otherwise. Of FromTime only whole seconds count.
	FromLast bool
	FromTime time.Time

	Goroutines   int // that call listeners, for each topic: 1 to 100,000, default DefaultGoroutines
	PullMessages int // of one pull: 1 to 1,024, default 32

	// A queue with more than so many messages, or so many MiB of bodies, not acknowledged is
	// not pulled from: 1 to 65,535, default 1,024; 1 to 1,024, default 512.
	CachedMessages, CachedMiB int

	// Pulled sees what a pull has returned before any listener does, and may change the
	// messages' properties. It is called on the client's goroutines; a panic of it is dropped.
	Pulled func([]*primitive.MessageExt)
}

// DefaultGoroutines is how many listeners of a topic run at once by default.
const DefaultGoroutines = 20

// consumeTimeout is when the client takes a message away from a listener that is still at it,
// sends it back without looking whether that was accepted, and drops it. A listener of ours
// makes messages unexpirable; this is for the rest. The goroutine that waits for it outlives
// Shutdown by as much.
const consumeTimeout = 24 * time.Hour

// NewPushConsumer returns a push consumer of the official client that loses nothing by itself,
// provided that its listeners answer only success or, in order, SUSPEND. It is not started and
// has connected to nothing. Subscribe before Start, which works once: after it has failed, make
// another consumer. Shutdown panics if Start was not called.
//
// It is a clustering one, because the client drops what fails in a broadcast. It has an
// instance name of its own, gives listeners one message at a time, and commits by itself. It
// never dead-letters (16 attempts, or without end in order; the listener decides that), and has
// no interceptors, in which an error acknowledges, no filter but Pulled, no trace and no
// namespace: topics are subscribed as they are (see holdfast.Cluster.Topic), only the group gets
// the cluster's namespace here.
//
// The error lists what is wrong with push, or is the client's; c is expected to be valid.
func NewPushConsumer(c holdfast.Cluster, group string, push Push) (rocketmq.PushConsumer, error) {
	if group == "" {
		// The client would quietly call it DEFAULT_CONSUMER.
		return nil, errors.New("official: consumer: group is empty: name the consumer group")
	}
	if err := push.validate(); err != nil {
		return nil, err
	}
	options := append(push.options(),
		consumer.WithGroupName(c.Topic(group)),
		consumer.WithInstance(instanceName()),
		consumer.WithNameServer(nameServers(c)),
	)
	if c.AccessKey != "" {
		options = append(options, consumer.WithCredentials(primitive.Credentials{
			AccessKey: c.AccessKey,
			SecretKey: c.SecretKey,
		}))
	}
	p, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return nil, fmt.Errorf("official: consumer: %w", err)
	}
	return p, nil
}

func (p Push) options() []consumer.Option {
	options := []consumer.Option{
		consumer.WithConsumerModel(consumer.Clustering),
		consumer.WithConsumerOrder(p.Orderly),
		consumer.WithConsumeMessageBatchMaxSize(1),
		consumer.WithConsumeTimeout(consumeTimeout),
		consumer.WithMaxReconsumeTimes(-1),
		consumer.WithAutoCommit(true),
		// Not 0: the client makes the slots of a topic before it replaces that by its default.
		consumer.WithConsumeGoroutineNums(cmp.Or(p.Goroutines, DefaultGoroutines)),
		consumer.WithPullBatchSize(int32(p.PullMessages)),
		consumer.WithPullThresholdForQueue(int64(p.CachedMessages)),
		consumer.WithPullThresholdSizeForQueue(p.CachedMiB),
	}
	if p.Pulled != nil {
		options = append(options, consumer.WithFilterMessageHook([]hooks.FilterMessageHook{p.pulled}))
	}
	switch {
	case p.FromLast:
		return append(options, consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset))
	case !p.FromTime.IsZero():
		return append(options, consumer.WithConsumeFromWhere(consumer.ConsumeFromTimestamp),
			// The client reads it as UTC, whatever its own default was written in.
			consumer.WithConsumeTimestamp(p.FromTime.UTC().Format("20060102150405")))
	default:
		return append(options, consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset))
	}
}

// pulled is a filter that lets everything pass: what a filter leaves out counts as consumed.
func (p Push) pulled(ctx *hooks.FilterMessageContext) (all []*primitive.MessageExt, _ error) {
	all = ctx.Msg                    // before a panic: nothing is left out then either
	defer func() { _ = recover() }() // on a goroutine where it would end the process
	p.Pulled(ctx.Msg)
	return all, nil
}

// validate finds what the client would only complain of in Start, which cannot be repeated.
func (p Push) validate() error {
	var complaints []error
	for _, row := range []struct {
		name     string
		value, n int
	}{
		{"goroutines", p.Goroutines, 100_000},
		{"messages of a pull", p.PullMessages, 1024},
		{"cached messages of a queue", p.CachedMessages, 65_535},
		{"cached MiB of a queue", p.CachedMiB, 1024},
	} {
		if row.value < 0 || row.value > row.n {
			complaints = append(complaints, fmt.Errorf("official: consumer: %s: %d: give 1 to %d, or 0 for the default", row.name, row.value, row.n))
		}
	}
	if p.FromLast && !p.FromTime.IsZero() {
		complaints = append(complaints, errors.New("official: consumer: begins at the last message and at a time: choose one"))
	}
	return errors.Join(complaints...)
}

// ConsumerID returns the id under which brokers know a consumer made by NewPushConsumer, and ""
// for any other implementation.
func ConsumerID(p rocketmq.PushConsumer) string {
	v := reflect.ValueOf(p)
	for _, field := range []string{"defaultConsumer", "option"} {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return ""
		}
		v = v.FieldByName(field)
	}
	if v.Kind() != reflect.Struct {
		return ""
	}
	return clientID(v)
}
