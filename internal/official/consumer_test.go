package official

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/hooks"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

var somewhere = holdfast.Cluster{NameServers: []string{"127.0.0.1:1"}, Namespace: "shop", AccessKey: "a", SecretKey: "s"}

// optionsOf reads what the client made of its options.
func optionsOf(t *testing.T, push Push) (rocketmq.PushConsumer, func(path string) any) {
	t.Helper()
	p, err := NewPushConsumer(somewhere, "readers", push)
	require.NoError(t, err)
	options := reflect.ValueOf(p).Elem().FieldByName("defaultConsumer").Elem().FieldByName("option")
	return p, func(path string) any {
		v := options
		for _, field := range strings.Split(path, ".") {
			v = v.FieldByName(field)
		}
		switch {
		case v.CanInt():
			return v.Int()
		case v.Kind() == reflect.Bool:
			return v.Bool()
		case v.Kind() == reflect.String:
			return v.String()
		default:
			return v.Len()
		}
	}
}

func TestAPushConsumerHasTheOptionsThatLoseNothing(t *testing.T) {
	t.Parallel()
	p, option := optionsOf(t, Push{})
	for path, want := range map[string]any{
		"GroupName":                  "shop%readers",
		"Namespace":                  "",
		"ConsumerModel":              int64(consumer.Clustering),
		"ConsumeOrderly":             false,
		"ConsumeMessageBatchMaxSize": int64(1),
		"ConsumeTimeout":             int64(24 * time.Hour),
		"MaxReconsumeTimes":          int64(-1),
		"AutoCommit":                 true,
		"FromWhere":                  int64(consumer.ConsumeFromFirstOffset),
		"Interceptors":               0,
		"filterMessageHooks":         0,
		"Credentials.AccessKey":      "a",
		"Credentials.SecretKey":      "s",
	} {
		require.Equal(t, want, option(path), path)
	}
	require.Equal(t, option("ClientIP").(string)+"@"+option("InstanceName").(string), ConsumerID(p))

	other, _ := optionsOf(t, Push{})
	require.NotEqual(t, ConsumerID(p), ConsumerID(other), "they never share a client")
}

func TestAPushConsumerCanBeChosen(t *testing.T) {
	t.Parallel()
	_, option := optionsOf(t, Push{Orderly: true, FromLast: true, Goroutines: 3, PullMessages: 4, CachedMessages: 5, CachedMiB: 6})
	for path, want := range map[string]any{
		"ConsumeOrderly": true, "FromWhere": int64(consumer.ConsumeFromLastOffset), "ConsumeGoroutineNums": int64(3),
		"PullBatchSize": int64(4), "PullThresholdForQueue": int64(5), "PullThresholdSizeForQueue": int64(6),
	} {
		require.Equal(t, want, option(path), path)
	}
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.FixedZone("UTC+8", 8*3600))
	_, option = optionsOf(t, Push{FromTime: at})
	require.EqualValues(t, consumer.ConsumeFromTimestamp, option("FromWhere"))
	require.Equal(t, "20260228180304", option("ConsumeTimestamp"), "the client reads it as UTC")
}

func TestBadChoicesAreRefusedBeforeStart(t *testing.T) {
	t.Parallel()
	_, err := NewPushConsumer(somewhere, "", Push{})
	require.ErrorContains(t, err, "group is empty")
	_, err = NewPushConsumer(somewhere, "readers", Push{
		FromLast: true, FromTime: time.Now(), Goroutines: -1, PullMessages: 1025, CachedMessages: 65_536, CachedMiB: 1025,
	})
	for _, words := range []string{"goroutines: -1", "of a pull: 1025", "cached messages of a queue: 65536", "cached MiB of a queue: 1025", "choose one"} {
		require.ErrorContains(t, err, words)
	}
}

// What a filter leaves out counts as consumed, so nothing that Pulled does leaves anything out.
func TestAPanicOfPulledLeavesOutNoMessage(t *testing.T) {
	t.Parallel()
	msgs := []*primitive.MessageExt{{}, {}}
	for name, pulled := range map[string]func([]*primitive.MessageExt){
		"returns": func([]*primitive.MessageExt) {},
		"panics":  func([]*primitive.MessageExt) { panic("no") },
	} {
		left, err := Push{Pulled: pulled}.pulled(&hooks.FilterMessageContext{Msg: msgs})
		require.NoError(t, err, name)
		require.Equal(t, msgs, left, name)
	}
}

func TestConsumerIDOfAnotherImplementationIsUnknown(t *testing.T) {
	t.Parallel()
	require.Empty(t, ConsumerID(nil))
	require.Empty(t, ConsumerID(another{}))
	require.Empty(t, ConsumerID(&another{}))
}

type another struct{ rocketmq.PushConsumer }

func (another) Subscribe(string, consumer.MessageSelector, func(context.Context, ...*primitive.MessageExt) (consumer.ConsumeResult, error)) error {
	return nil
}
