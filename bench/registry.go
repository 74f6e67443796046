package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// A Row is one line of the table.
type Row struct {
	Name string // unique; -rows selects by it
	Unit string
	Want Want // what the project promised itself; the zero Want promises nothing
}

// A Case is something that both clients do in turn. Its rows are the figures that come of it,
// so that one run yields throughput and latency alike.
type Case struct {
	Rows   []Row
	Broker cluster.Flavour
	Rounds int // 0 means as many as -rounds says, after a short warm-up
	Run    func(ctx context.Context, t *Turn) ([]float64, error)
}

// A Derived row compares a figure of one row with a figure of another.
type Derived struct {
	Row
	Raw, Holdfast string // the rows whose raw and whose holdfast figure it takes
}

// Rows is a registry, or what was selected from one.
type Rows struct {
	Cases   []Case
	Derived []Derived
}

// registry is everything that can be measured.
func registry() Rows {
	return Rows{
		Cases:   slices.Concat(sendCases(), floorCases(), consumeCases(), allocCases(), memoryCases()),
		Derived: durableRows(),
	}
}

// all are the rows in the order of the table.
func (rs Rows) all() []Row {
	var all []Row
	for _, c := range rs.Cases {
		all = append(all, c.Rows...)
	}
	for _, d := range rs.Derived {
		all = append(all, d.Row)
	}
	return all
}

// selectRows returns the rows in whose names one of the words, with commas between, begins a
// part: sync-flush selects send/sync-flush/256B/64 and not send/async-flush/256B/64. No word
// selects all. A case is selected with all its rows, and a derived row with the cases of the
// rows it is made from.
func selectRows(from Rows, words string) (Rows, error) {
	wanted := strings.FieldsFunc(words, func(r rune) bool { return r == ',' || r == ' ' })
	matches := func(name string) bool {
		return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w string) bool { return strings.Contains("/"+name, "/"+w) })
	}
	var selected Rows
	sources := map[string]bool{}
	for _, d := range from.Derived {
		if matches(d.Name) {
			selected.Derived = append(selected.Derived, d)
			sources[d.Raw], sources[d.Holdfast] = true, true
		}
	}
	for _, c := range from.Cases {
		if slices.ContainsFunc(c.Rows, func(r Row) bool { return matches(r.Name) || sources[r.Name] }) {
			selected.Cases = append(selected.Cases, c)
		}
	}
	if len(selected.Cases) == 0 {
		var names []string
		for _, r := range from.all() {
			names = append(names, r.Name)
		}
		return Rows{}, fmt.Errorf("-rows %s matches no row: the rows are\n  %s", words, strings.Join(names, "\n  "))
	}
	return selected, nil
}
