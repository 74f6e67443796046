package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func result(name string, raw, holdfast float64) Result {
	return newResult(Row{Name: name, Unit: "msg/s"}, raw, holdfast, 7, "2 cores", "2026-01-02")
}

func TestTheRatioIsThatOfTheFiguresBeforeRounding(t *testing.T) {
	t.Parallel()
	r := result("a", 1.0004, 3)
	require.Equal(t, 1.0, r.Raw)
	require.Equal(t, 2.999, *r.Ratio)
}

func TestThereIsNoRatioOfWhatIsNotPositive(t *testing.T) {
	t.Parallel()
	require.Nil(t, result("a", 0, 5).Ratio)
	require.Nil(t, result("a", -1, 5).Ratio)
	require.Nil(t, result("a", 5, -1).Ratio)
	require.NotNil(t, result("a", 5, 1).Ratio)
}

func TestOnlyTheRowsThatWereRunAreReplaced(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, mergeInto(file, []Result{result("b", 1, 2), result("c", 1, 3)}))
	require.NoError(t, mergeInto(file, []Result{result("c", 1, 4), result("a", 0, 1)}))

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, `[
  {"name":"a","unit":"msg/s","raw":0,"holdfast":1,"ratio":null,"rounds":7,"machine":"2 cores","date":"2026-01-02"},
  {"name":"b","unit":"msg/s","raw":1,"holdfast":2,"ratio":2,"rounds":7,"machine":"2 cores","date":"2026-01-02"},
  {"name":"c","unit":"msg/s","raw":1,"holdfast":4,"ratio":4,"rounds":7,"machine":"2 cores","date":"2026-01-02"}
]
`, string(text))

	require.NoError(t, mergeInto(file, nil))
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again), "writing it again changes nothing")
}

func TestAResultsFileThatCannotBeReadIsLeftAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.json")
	require.NoError(t, os.WriteFile(file, []byte("<<<<<<< HEAD"), 0o600))

	require.ErrorContains(t, mergeInto(file, []Result{result("a", 1, 2)}), "mend or remove it")

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "<<<<<<< HEAD", string(text))
}

func TestMemoryRowsOfAnotherNumberOfSendsAreNotKept(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.json")
	results := []Result{result("memory/sends/1M", 1, 2), result("send/x", 1, 2)}

	require.NoError(t, options{results: file, sends: 10_000}.keep(results))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NotContains(t, string(text), "memory/")
	require.Contains(t, string(text), "send/x")

	require.NoError(t, options{results: file, sends: millionSends}.keep(results))
	text, err = os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "memory/sends/1M")
}
