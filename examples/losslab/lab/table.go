package lab

import (
	"fmt"
	"io"
)

const (
	headerFormat = "%-44s %-9s %9s %12s %8s %6s %8s %8s %10s %11s\n"
	rowFormat    = "%-44s %-9s %9d %12d %8d %6d %8d %8d %10d %11d\n"
)

// printTable prints a row for each fault and client, and their sums.
func printTable(w io.Writer, results []result) {
	fmt.Fprintf(w, headerFormat, "", "", "attempted", "acknowledged", "unknown", "lost", "doubled", "two keys", "recovered", "unexpected")
	for _, r := range append(results, total(results)) {
		title := r.title
		for c, name := range clientNames {
			n := r.counts[c]
			fmt.Fprintf(w, rowFormat, title, name,
				n.attempted, n.acknowledged, n.unknown, n.lost, n.doubled, n.apart, n.recovered, n.unexpected)
			title = ""
		}
	}
}

const legend = `acknowledged  the client said stored
unknown       it said may be stored; the raw client never says so
lost          acknowledged, and not there
doubled       there more than once
two keys      doubled under different UNIQ_KEYs: nobody can tell that they are one
recovered     unknown, and there
unexpected    there, although the client said not stored
`

func total(results []result) result {
	sum := result{title: "in all"}
	for _, r := range results {
		for c := range r.counts {
			sum.counts[c].add(r.counts[c])
		}
	}
	return sum
}
