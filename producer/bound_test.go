package producer_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// ctx bounds a send although the broker does not read, the official client's write blocks,
// and its lock with it; and when too many calls are stuck, new ones fail at once.
func TestContextBoundsASendToABrokerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient, producer.WithMaxStuck(2), producer.WithAttempts(1))
	mustSend(t, p, order("o-0"))
	c.Broker("broker-a").Pause()
	defer c.Broker("broker-a").Resume()

	large := primitive.NewMessage(topic, make([]byte, 2<<20)) // twice is more than the sockets hold; a batch is not compressed
	eventually(t, func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := p.SendSync(ctx, large, large)
		return errors.Is(err, producer.ErrStuck)
	}, "attempts are stuck")
	require.ErrorIs(t, p.Healthy(), producer.ErrStuck)
	_, err := p.Send(soon(t), order("o-1"))
	require.ErrorIs(t, err, producer.ErrStuck)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
}

// ctx bounds a send although a name server takes the connection and says nothing.
func TestContextBoundsARouteLookup(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, impatient)
	c.Inject(rmqtest.Route, rmqtest.DropRequest(), 0)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := p.Send(ctx, order("o-1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
}

// What is in flight while the broker stalls is bounded.
func TestInFlightIsBounded(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	p := start(t, c, producer.WithMaxInFlight(10, 1<<20))
	release, _ := hold(c)
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	outcomes := make(chan error, 200)
	for range cap(outcomes) {
		go func() { _, err := p.Send(ctx, order("o")); outcomes <- err }()
	}
	unknown := 0
	for range cap(outcomes) {
		if errors.Is(<-outcomes, holdfast.ErrOutcomeUnknown) {
			unknown++
		}
	}
	require.LessOrEqual(t, unknown, 10)
	require.LessOrEqual(t, p.InFlight(), 10)
}

// A route to an address that nobody answers at bounds nothing but its own broker.
func TestDialThatHangsLeavesOtherBrokersAlone(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	c.CreateTopic(topic, 2)
	p := start(t, c, impatient)
	c.Broker("broker-b").Pause()
	defer c.Broker("broker-b").Resume()
	for i := range 6 {
		result := mustSend(t, p, order(strconv.Itoa(i)))
		require.Equal(t, "broker-a", result.MessageQueue.BrokerName)
	}
}
