package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func names(rows Rows) (names []string) {
	for _, r := range rows.all() {
		names = append(names, r.Name)
	}
	return names
}

func TestTheRegistryHoldsTogether(t *testing.T) {
	t.Parallel()
	rows := registry()
	all := map[string]bool{}
	for _, r := range rows.all() {
		require.False(t, all[r.Name], "%s is there twice", r.Name)
		require.NotEmpty(t, r.Unit, r.Name)
		all[r.Name] = true
	}
	for _, d := range rows.Derived {
		require.True(t, all[d.Raw], "%s is made from %s", d.Name, d.Raw)
		require.True(t, all[d.Holdfast], "%s is made from %s", d.Name, d.Holdfast)
	}
	for name := range sendWants {
		require.True(t, all[name], "something is wanted of %s", name)
	}
}

func TestRowsAreSelectedByPartsOfTheirNames(t *testing.T) {
	t.Parallel()
	row := func(name string) Case { return Case{Rows: []Row{{Name: name}, {Name: name + "/p50"}}} }
	from := Rows{
		Cases:   []Case{row("send/async-flush/64"), row("send/sync-flush/64"), row("send/sync-flush/512"), row("memory")},
		Derived: []Derived{{Row: Row{Name: "durable"}, Raw: "send/async-flush/64", Holdfast: "send/sync-flush/64"}},
	}
	for _, c := range []struct {
		words string
		want  []string // the cases' first rows, and the derived ones
	}{
		{"", []string{"send/async-flush/64", "send/sync-flush/64", "send/sync-flush/512", "memory", "durable"}},
		{"send", []string{"send/async-flush/64", "send/sync-flush/64", "send/sync-flush/512"}},
		{"sync-flush", []string{"send/sync-flush/64", "send/sync-flush/512"}},
		{"sync-flush/64/p50", []string{"send/sync-flush/64"}},
		{"512,mem", []string{"send/sync-flush/512", "memory"}},
		{"durable", []string{"send/async-flush/64", "send/sync-flush/64", "durable"}},
	} {
		selected, err := selectRows(from, c.words)
		require.NoError(t, err, c.words)
		var got []string
		for _, found := range selected.Cases {
			got = append(got, found.Rows[0].Name)
		}
		for _, d := range selected.Derived {
			got = append(got, d.Name)
		}
		require.Equal(t, c.want, got, c.words)
	}

	_, err := selectRows(from, "nothing")
	require.ErrorContains(t, err, "matches no row")
	require.ErrorContains(t, err, "send/sync-flush/512")
}

func TestDerivedRowsTakeRawFromOneRowAndHoldfastFromAnother(t *testing.T) {
	t.Parallel()
	rows := registry()
	b := newBench(options{}, rows)
	var results []Result
	for _, r := range rows.Cases {
		for i, row := range r.Rows {
			results = append(results, newResult(row, 10, 20, 7-i, "", ""))
		}
	}
	d := rows.Derived[0]
	for i := range results {
		switch results[i].Name {
		case d.Raw:
			results[i].Raw, results[i].Rounds = 100, 5
		case d.Holdfast:
			results[i].Holdfast = 300
		}
	}

	derived := b.derive(results)

	require.Len(t, derived, len(rows.Derived))
	require.Equal(t, d.Name, derived[0].Name)
	require.Equal(t, 100.0, derived[0].Raw)
	require.Equal(t, 300.0, derived[0].Holdfast)
	require.Equal(t, 3.0, *derived[0].Ratio)
	require.Equal(t, 5, derived[0].Rounds)
	require.Contains(t, names(rows), d.Name)
}
