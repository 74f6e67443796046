package holdfast_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

var errDown = errors.New("the bank is down")

func TestVerdictsCarryTheirReason(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err   error
		kind  holdfast.VerdictKind
		delay time.Duration
		name  string
	}{
		{holdfast.RetryAfter(time.Minute, errDown), holdfast.VerdictRetry, time.Minute, "RetryAfter"},
		{holdfast.RetryAfter(-1, errDown), holdfast.VerdictRetry, 0, "RetryAfter"},
		{holdfast.RetryAfter(holdfast.MaxRetryAfter, errDown), holdfast.VerdictRetry, 2 * time.Hour, "RetryAfter"},
		{holdfast.Reject(errDown), holdfast.VerdictReject, 0, "Reject"},
		{holdfast.Hold(time.Second, errDown), holdfast.VerdictHold, time.Second, "Hold"},
		{holdfast.Hold(0, errDown), holdfast.VerdictHold, 100 * time.Millisecond, "Hold"},
		{holdfast.Pause(errDown), holdfast.VerdictPause, 0, "Pause"},
	} {
		var v *holdfast.Verdict
		require.ErrorAs(t, fmt.Errorf("order 7: %w", row.err), &v)
		require.Equal(t, row.kind, v.Kind)
		require.Equal(t, row.delay, v.Delay)
		require.Equal(t, row.name, v.Kind.String())
		require.ErrorIs(t, row.err, errDown)
		require.EqualError(t, row.err, errDown.Error())
	}
	require.Equal(t, "VerdictKind(0)", holdfast.VerdictKind(0).String())
}

func TestTheOutermostVerdictCounts(t *testing.T) {
	t.Parallel()
	var v *holdfast.Verdict
	require.ErrorAs(t, holdfast.Reject(holdfast.Pause(errDown)), &v)
	require.Equal(t, holdfast.VerdictReject, v.Kind)
}

func TestAVerdictWithoutAReasonHasOne(t *testing.T) {
	t.Parallel()
	for _, err := range []error{holdfast.RetryAfter(1, nil), holdfast.RetryAfter(3*time.Hour, nil), holdfast.Reject(nil), holdfast.Hold(1, nil), holdfast.Pause(nil)} {
		require.NotEmpty(t, err.Error())
		require.Error(t, errors.Unwrap(err))
	}
}

func TestRetryAfterAboveTheLongestLevelIsAPlainError(t *testing.T) {
	t.Parallel()
	err := holdfast.RetryAfter(2*time.Hour+1, errDown)
	var v *holdfast.Verdict
	require.False(t, errors.As(err, &v))
	require.ErrorIs(t, err, errDown)
	require.ErrorContains(t, err, "above the longest delay level, 2h0m0s")
}
