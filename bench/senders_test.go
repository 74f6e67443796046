package main

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// fakeProducer answers each send by its number, from 1.
type fakeProducer struct {
	rocketmq.Producer
	sends  atomic.Int64
	answer func(n int64) (*primitive.SendResult, error)
}

func (p *fakeProducer) SendSync(context.Context, ...*primitive.Message) (*primitive.SendResult, error) {
	return p.answer(p.sends.Add(1))
}

func answered(status primitive.SendStatus) (*primitive.SendResult, error) {
	return &primitive.SendResult{Status: status}, nil
}

func TestOnlySendOKIsCounted(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	p := &fakeProducer{answer: func(n int64) (*primitive.SendResult, error) {
		switch n {
		case 1:
			return nil, refused
		case 2:
			return answered(primitive.SendFlushDiskTimeout)
		}
		return answered(primitive.SendOK)
	}}

	s, err := sendUntil(t.Context(), p, 1, body(10), times(10))

	require.NoError(t, err)
	require.Len(t, s.took, 8)
	require.Equal(t, failures{2, refused}, s.failed)
	require.EqualValues(t, 10, p.sends.Load(), "a send that failed was one of the ten")
}

func TestEverySenderSends(t *testing.T) {
	t.Parallel()
	p := &fakeProducer{answer: func(int64) (*primitive.SendResult, error) { return answered(primitive.SendOK) }}
	s, err := sendUntil(t.Context(), p, 8, body(10), times(25))
	require.NoError(t, err)
	require.Len(t, s.took, 200)
	require.Positive(t, s.perSecond())
}

func TestAMeasurementWithoutAnySendOKIsAnError(t *testing.T) {
	t.Parallel()
	p := &fakeProducer{answer: func(int64) (*primitive.SendResult, error) { return nil, errors.New("broker away") }}
	_, err := sendUntil(t.Context(), p, 2, body(10), times(3))
	require.ErrorContains(t, err, "6 sends failed")
	require.ErrorContains(t, err, "broker away")
}

func TestLatencyIsInMilliseconds(t *testing.T) {
	t.Parallel()
	s := sent{took: []time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}}
	require.Equal(t, 2.0, s.millis(50))
	require.Equal(t, 3.0, s.millis(99))
}

func TestBodiesHaveTheirSizeAndAreTheSameForBothSides(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 256, 4096} {
		require.Len(t, body(size), size)
		require.Equal(t, body(size), body(size))
	}
}
