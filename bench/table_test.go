package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTableSaysWhatWasWantedAndWhetherItHeld(t *testing.T) {
	t.Parallel()
	rows := Rows{
		Cases: []Case{
			{Rows: []Row{{Name: "fast", Unit: "msg/s", Want: AtLeast(3)}, {Name: "slow/p50", Unit: "ms", Want: AtMost(1.05)}}},
			{Rows: []Row{{Name: "not run", Unit: "ms"}, {Name: "small", Unit: "KiB", Want: OwnAtMost(10)}}},
		},
		Derived: []Derived{{Row: Row{Name: "free", Unit: "msg/s"}}},
	}
	results := []Result{
		newResult(Row{Name: "free", Unit: "msg/s"}, 2, 1, 1, "", ""),
		newResult(Row{Name: "fast", Unit: "msg/s"}, 5300, 15900, 1, "", ""),
		newResult(Row{Name: "slow/p50", Unit: "ms"}, 1, 1.5, 1, "", ""),
		newResult(Row{Name: "small", Unit: "KiB"}, 4, -3, 1, "", ""),
	}
	var out strings.Builder

	printTable(&out, rows, results)

	require.Equal(t, `row        raw  holdfast  unit   ratio  wanted          held
fast      5300     15900  msg/s   3.00  >= 3            yes
slow/p50     1       1.5  ms      1.50  <= 1.05         no
small        4        -3  KiB        -  holdfast <= 10  yes
free         2         1  msg/s   0.50

2 of 3 wants held
`, out.String())
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	row := func(raw, holdfast float64) Result { return newResult(Row{}, raw, holdfast, 1, "", "") }
	for _, c := range []struct {
		want    Want
		result  Result
		verdict string
	}{
		{Want{}, row(1, 1), ""},
		{AtLeast(2), row(1, 2), "yes"},
		{AtLeast(2), row(1, 1.99), "no"},
		{AtLeast(2), row(0, 5), "no"}, // a ratio was wanted and there is none
		{AtMost(1.05), row(100, 105), "yes"},
		{AtMost(1.05), row(100, 106), "no"},
		{OwnAtMost(7), row(0, 7), "yes"},
		{OwnAtMost(7), row(100, 8), "no"},
	} {
		require.Equal(t, c.verdict, c.want.Verdict(c.result), "%s of %v", c.want, c.result)
	}
}
