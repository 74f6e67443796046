package main

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMedian(t *testing.T) {
	t.Parallel()
	require.Equal(t, 5.0, median([]float64{5}))
	require.Equal(t, 2.0, median([]float64{9, 1, 2}))
	require.Equal(t, 3.0, median([]float64{4, 1, 2, 9}))

	unsorted := []float64{3, 1, 2}
	median(unsorted)
	require.Equal(t, []float64{3, 1, 2}, unsorted, "the caller's values keep their order")
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	require.Equal(t, 50, percentile(hundred, 50))
	require.Equal(t, 99, percentile(hundred, 99))
	require.Equal(t, 100, percentile(hundred, 100))
	require.Equal(t, 1, percentile(hundred, 0))
	require.Equal(t, 7, percentile([]int{7}, 99))
	require.Equal(t, 2, percentile([]int{1, 2, 3}, 50))
}

func TestFourDigitsAreKept(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ given, want float64 }{
		{123456, 123500},
		{0.00123456, 0.001235},
		{-1.00049, -1},
		{99999, 100000},
		{0, 0},
		{3, 3},
	} {
		require.InDelta(t, row.want, round4(row.given), 1e-12, "%v", row.given)
	}
	require.True(t, math.IsInf(round4(math.Inf(1)), 1))
}
