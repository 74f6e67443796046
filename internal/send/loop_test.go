package send

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	mqerrors "github.com/apache/rocketmq-client-go/v2/errors"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/backoff"
)

var (
	ok         = status(primitive.SendOK)
	unanswered = Answer{Broker: "broker-a", Err: mqerrors.ErrRequestTimeout}
	busy       = Answer{Broker: "broker-a", Err: refused(2)}
	illegal    = Answer{Broker: "broker-a", Err: refused(13)}
	forbidden  = Answer{Broker: "broker-a", Err: refused(16)}
	weak       = status(primitive.SendFlushDiskTimeout)
)

// script runs a loop whose attempts end as given, the last one again and again.
type script struct {
	Loop
	answers []Answer
	avoided []string
	looked  int
	found   *primitive.SendResult
}

func scripted(answers ...Answer) *script {
	s := &script{answers: answers}
	s.Attempts = 5
	s.Backoff = backoff.Policy{Base: 50 * time.Millisecond, Max: 2 * time.Second}
	s.Try = func(avoid string) Answer {
		n := min(len(s.avoided), len(s.answers)-1)
		s.avoided = append(s.avoided, avoid)
		return s.answers[n]
	}
	s.Elsewhere = func(string) bool { return false }
	s.Find = func(context.Context) *primitive.SendResult { s.looked++; return s.found }
	return s
}

func TestOneAttemptIsEnoughWhenItIsAnswered(t *testing.T) {
	t.Parallel()
	s := scripted(ok)
	result, err := s.Run(t.Context())
	require.NoError(t, err)
	require.Same(t, ok.Result, result)
	require.Len(t, s.avoided, 1)
}

func TestAnotherAttemptAvoidsTheBrokerThatFailed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scripted(busy, busy, ok)
		_, err := s.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, []string{"", "broker-a", "broker-a"}, s.avoided)
		require.Zero(t, s.looked, "what was certainly not stored needs no look-up")
	})
}

func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scripted(busy)
		_, err := s.Run(t.Context())
		require.Len(t, s.avoided, 5)
		require.NotErrorIs(t, err, holdfast.ErrOutcomeUnknown)
		require.ErrorIs(t, err, &holdfast.BrokerError{Code: 2, Broker: "broker-a"})
		require.EqualError(t, err, "not stored: 5 attempts, the last: broker broker-a answered 2: why")
	})
}

func TestARefusalOfTheMessageIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := scripted(illegal)
	_, err := s.Run(t.Context())
	require.Len(t, s.avoided, 1)
	require.EqualError(t, err, "not stored: broker broker-a answered 13: why")
}

func TestAClosedBrokerIsLeftOnlyIfThereIsAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scripted(forbidden, ok)
		_, err := s.Run(t.Context())
		require.Error(t, err)
		require.Len(t, s.avoided, 1)

		s = scripted(forbidden, ok)
		s.Elsewhere = func(broker string) bool { return broker == "broker-a" }
		_, err = s.Run(t.Context())
		require.NoError(t, err)
	})
}

func TestTheOutcomeIsTheWorstOfTheAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scripted(unanswered, illegal)
		_, err := s.Run(t.Context())
		require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown, "the first attempt may have stored it")
		require.ErrorIs(t, err, &holdfast.BrokerError{Code: 13})

		s = scripted(illegal)
		s.Doubt = true
		_, err = s.Run(t.Context())
		require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown, "so may one before this loop")
	})
}

func TestADoubtfulAttemptIsLookedIntoBeforeAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scripted(unanswered, ok)
		s.found = &primitive.SendResult{MsgID: "found"}
		result, err := s.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, "found", result.MsgID)
		require.Len(t, s.avoided, 1, "no duplicate was made")

		s = scripted(unanswered, ok)
		_, err = s.Run(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, s.looked)
		require.Len(t, s.avoided, 2, "not found proves nothing: it was sent again")
	})
}

func TestTheLastDoubtIsLookedIntoToo(t *testing.T) {
	t.Parallel()
	s := scripted(unanswered)
	s.Attempts = 1
	s.found = &primitive.SendResult{MsgID: "found"}
	_, err := s.Run(t.Context())
	require.NoError(t, err)
}

func TestNotDurableIsAnErrorThatHoldsTheResult(t *testing.T) {
	t.Parallel()
	s := scripted(weak)
	_, err := s.Run(t.Context())
	var notDurable *holdfast.NotDurableError
	require.ErrorAs(t, err, &notDurable)
	require.Same(t, weak.Result, notDurable.Result)
	require.ErrorIs(t, err, holdfast.ErrOutcomeUnknown)
	require.Len(t, s.avoided, 1)
	require.EqualError(t, err, notDurable.Error())
}

func TestNotDurableCanBeSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := scripted(weak, ok)
		s.Resend = true
		_, err := s.Run(t.Context())
		require.NoError(t, err)

		s = scripted(weak, illegal)
		s.Resend = true
		_, err = s.Run(t.Context())
		var notDurable *holdfast.NotDurableError
		require.ErrorAs(t, err, &notDurable, "the first attempt did store it")
		require.ErrorIs(t, err, &holdfast.BrokerError{Code: 13})
	})
}

func TestNoAttemptIsBegunWhenNobodyWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		s := scripted(busy)
		try := s.Try
		s.Try = func(avoid string) Answer { cancel(gone); return try(avoid) }
		_, err := s.Run(ctx)
		require.Error(t, err)
		require.Len(t, s.avoided, 1)
	})
}

func TestTooLargeTellsABatchWorthSplitting(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		&holdfast.BrokerError{Code: 13}:                                      true,
		&holdfast.BrokerError{Code: 1, Remark: "message body size exceeded"}: true,
		&holdfast.BrokerError{Code: 1, Remark: "flush failed"}:               false,
		&holdfast.BrokerError{Code: 16}:                                      false,
		errors.New("?"):                                                      false,
	} {
		require.Equal(t, want, TooLarge(&Failure{Err: err}), "%v", err)
	}
}
