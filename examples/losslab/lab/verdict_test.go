package lab

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVerdict(t *testing.T) {
	t.Parallel()
	bitten := counts{attempted: 10, acknowledged: 7, lost: 1, doubled: 2, unexpected: 3}
	unharmed := counts{attempted: 10, acknowledged: 10}
	for _, row := range []struct {
		name      string
		raw, held counts
		exit      int
		complains string
	}{
		{"as it should be", bitten, unharmed, exitHeld, ""},
		{"a duplicate under one id", bitten, counts{attempted: 10, acknowledged: 10, doubled: 1}, exitHeld, ""},
		{"unknown and recovered", bitten, counts{attempted: 10, acknowledged: 8, unknown: 2, recovered: 1}, exitHeld, ""},
		{"lost", bitten, counts{attempted: 10, acknowledged: 10, lost: 1}, exitBroken, "a fault: holdfast lost 1"},
		{"misreported", bitten, counts{attempted: 10, acknowledged: 8, unexpected: 2}, exitBroken, "a fault: holdfast said not stored of 2 that are"},
		{"a duplicate under two ids", bitten, counts{attempted: 10, acknowledged: 10, doubled: 1, apart: 1}, exitBroken, "a fault: holdfast doubled 1 under different UNIQ_KEYs"},
		{"not delivered", bitten, counts{attempted: 10, acknowledged: 9, delivered: 9, waiting: 1}, exitBroken, "a fault: holdfast had not delivered 1 in the end"},
		{"a dead letter", bitten, counts{attempted: 10, acknowledged: 10, delivered: 9, dead: 1}, exitHeld, ""},
		{"honest and useless", bitten, counts{attempted: 10}, exitBroken, "holdfast sent nothing at all"},
		{"no bite", unharmed, unharmed, exitNoBite, "a fault: no bite: nothing of the raw client's was lost"},
		{"no bite, and worse", unharmed, counts{attempted: 10, acknowledged: 10, lost: 1}, exitBroken, "a fault: holdfast lost 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			results := []result{{title: "a fault", bites: loses, counts: [clientCount]counts{row.raw, row.held}}}
			_, exit, complaints := verdict(results, false)
			require.Equal(t, row.exit, exit)
			require.Contains(t, strings.Join(complaints, "\n"), row.complains)
			require.Equal(t, row.complains == "", len(complaints) == 0)
		})
	}
}

func TestVerdictLineHasTheSums(t *testing.T) {
	t.Parallel()
	results := []result{
		{bites: loses, counts: [clientCount]counts{{acknowledged: 1, lost: 1, doubled: 2, unexpected: 3}, {acknowledged: 1}}},
		{bites: loses, counts: [clientCount]counts{{acknowledged: 1, lost: 10, doubled: 20, unexpected: 30}, {acknowledged: 1, doubled: 4}}},
	}
	line, exit, _ := verdict(results, false)
	require.Equal(t, exitHeld, exit)
	require.Equal(t, "verdict: raw lost 11 doubled 22 unexpected 33; holdfast lost 0 doubled 4 unexpected 0", line)

	line, _, _ = verdict(results, true)
	require.Equal(t, "verdict: raw lost 11 doubled 22 unexpected 33; holdfast lost 0 doubled 4 unexpected 0 (model broker)", line)
}

func TestVerdictWantsSomethingSent(t *testing.T) {
	t.Parallel()
	consumed := counts{attempted: 10, acknowledged: 10, delivered: 10}
	_, exit, complaints := verdict([]result{{bites: loses, isConsumed: true, counts: [clientCount]counts{{lost: 1}, consumed}}}, false)
	require.Equal(t, exitBroken, exit)
	require.Contains(t, strings.Join(complaints, "\n"), "holdfast sent nothing at all")
}

func TestSymptoms(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		symptom symptom
		shows   counts
		lacks   counts
	}{
		"lost":      {loses, counts{lost: 1}, counts{doubled: 1, unexpected: 1}},
		"refused":   {fails, counts{attempted: 3, acknowledged: 1, unknown: 1}, counts{attempted: 3, acknowledged: 2, unknown: 1}},
		"doubled":   {misreports, counts{doubled: 1}, counts{lost: 1}},
		"repeated":  {repeats, counts{doubled: 1}, counts{lost: 1, unexpected: 1}},
		"misreport": {misreports, counts{unexpected: 1}, counts{lost: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.True(t, row.symptom.seen(row.shows))
			require.False(t, row.symptom.seen(row.lacks))
		})
	}
}

func TestTableHasARowForEachClientAndTheSums(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printTable(&out, []result{
		{title: "a fault", counts: [clientCount]counts{{attempted: 1, acknowledged: 2, unknown: 3, lost: 4, doubled: 5, apart: 6, recovered: 7, unexpected: 8}, {attempted: 10}}},
		{title: "another", counts: [clientCount]counts{{attempted: 100}, {attempted: 1000}}},
		{title: "a handler", isConsumed: true, counts: [clientCount]counts{
			{attempted: 11, acknowledged: 12, delivered: 13, lost: 14, doubled: 15, dead: 16, waiting: 17},
			{attempted: 20},
		}},
	})
	var rows [][]string
	for line := range strings.Lines(out.String()) {
		if !strings.Contains(sentLegend+consumedLegend, line) {
			rows = append(rows, strings.Fields(line))
		}
	}
	require.Equal(t, [][]string{
		strings.Fields("sending attempted acknowledged unknown lost doubled two keys recovered unexpected"),
		strings.Fields("a fault raw 1 2 3 4 5 6 7 8"),
		strings.Fields("holdfast 10 0 0 0 0 0 0 0"),
		strings.Fields("another raw 100 0 0 0 0 0 0 0"),
		strings.Fields("holdfast 1000 0 0 0 0 0 0 0"),
		strings.Fields("in all raw 101 2 3 4 5 6 7 8"),
		strings.Fields("holdfast 1010 0 0 0 0 0 0 0"),
		strings.Fields("consuming attempted acknowledged delivered lost doubled dead waiting"),
		strings.Fields("a handler raw 11 12 13 14 15 16 17"),
		strings.Fields("holdfast 20 0 0 0 0 0 0"),
		strings.Fields("in all raw 11 12 13 14 15 16 17"),
		strings.Fields("holdfast 20 0 0 0 0 0 0"),
	}, rows)
}
