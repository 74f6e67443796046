package producer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBatchLimitGoesDownWithWhatWasRefused(t *testing.T) {
	t.Parallel()
	l := batchLimit{bytes: 1000, most: 1000}
	l.refused(800)
	require.Equal(t, 400, l.bytes)
	l.refused(900)
	require.Equal(t, 400, l.bytes, "one that was made before")
	l.refused(1)
	require.Equal(t, 1, l.bytes, "never nothing")
}

func TestBatchLimitFindsItsWayBack(t *testing.T) {
	t.Parallel()
	l := batchLimit{bytes: 1000, most: 1000}
	l.refused(1000)
	for range growAfter - 1 {
		l.accepted(500)
		l.accepted(100) // says nothing of the limit
	}
	require.Equal(t, 500, l.bytes)
	l.accepted(500)
	require.Equal(t, 1000, l.bytes)
	for range 2 * growAfter {
		l.accepted(1000)
	}
	require.Equal(t, 1000, l.bytes, "not above the option")
}

func TestBatchLimitCountsAnewAfterARefusal(t *testing.T) {
	t.Parallel()
	l := batchLimit{bytes: 1000, most: 1000}
	l.refused(1000)
	for range growAfter - 1 {
		l.accepted(500)
	}
	l.refused(500)
	for range growAfter - 1 {
		l.accepted(250)
	}
	require.Equal(t, 250, l.bytes)
}
