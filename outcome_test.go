package holdfast_test

import (
	"fmt"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestNotDurableIsUnknownToo(t *testing.T) {
	t.Parallel()
	for status, word := range map[primitive.SendStatus]string{
		primitive.SendFlushDiskTimeout: "FLUSH_DISK_TIMEOUT", primitive.SendFlushSlaveTimeout: "FLUSH_SLAVE_TIMEOUT",
		primitive.SendSlaveNotAvailable: "SLAVE_NOT_AVAILABLE", primitive.SendUnknownError: "status 4",
	} {
		err := fmt.Errorf("send: %w", &holdfast.NotDurableError{Status: status})
		require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
		require.ErrorContains(t, err, word)
	}
}

func TestBrokerErrorsAreComparedByCode(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("send: %w", &holdfast.BrokerError{Code: 13, Remark: "too large", Broker: "broker-a"})
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 13})
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: 13, Broker: "broker-a"})
	require.NotErrorIs(t, err, &holdfast.BrokerError{Code: 13, Broker: "broker-b"})
	require.NotErrorIs(t, err, &holdfast.BrokerError{Code: 14})
	require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.EqualError(t, err, "send: broker broker-a answered 13: too large")
	require.EqualError(t, &holdfast.BrokerError{Code: 2}, "the broker answered 2")
}
