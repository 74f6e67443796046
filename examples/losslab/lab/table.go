package lab

import (
	"fmt"
	"io"
)

const (
	titleFormat = "%-46s %-9s "

	sentHeader = titleFormat + "%9s %12s %8s %6s %8s %8s %10s %11s\n"
	sentRow    = titleFormat + "%9d %12d %8d %6d %8d %8d %10d %11d\n"

	consumedHeader = titleFormat + "%9s %12s %9s %6s %8s %8s %8s\n"
	consumedRow    = titleFormat + "%9d %12d %9d %6d %8d %8d %8d\n"
)

// printTable prints a row for each fault and client, and their sums: first those of producers,
// then those of consumers.
func printTable(w io.Writer, results []result) {
	fmt.Fprintf(w, sentHeader, "sending", "", "attempted", "acknowledged", "unknown", "lost", "doubled", "two keys", "recovered", "unexpected")
	printRows(w, only(results, false), func(title, name string, n counts) {
		fmt.Fprintf(w, sentRow, title, name,
			n.attempted, n.acknowledged, n.unknown, n.lost, n.doubled, n.apart, n.recovered, n.unexpected)
	})
	fmt.Fprintf(w, "\n%s\n", sentLegend)
	fmt.Fprintf(w, consumedHeader, "consuming", "", "attempted", "acknowledged", "delivered", "lost", "doubled", "dead", "waiting")
	printRows(w, only(results, true), func(title, name string, n counts) {
		fmt.Fprintf(w, consumedRow, title, name,
			n.attempted, n.acknowledged, n.delivered, n.lost, n.doubled, n.dead, n.waiting)
	})
	fmt.Fprintf(w, "\n%s\n", consumedLegend)
}

func printRows(w io.Writer, results []result, print func(title, name string, n counts)) {
	for _, r := range append(results, total(results)) {
		title := r.title
		for c, name := range clientNames {
			print(title, name, r.counts[c])
			title = ""
		}
	}
}

const sentLegend = `acknowledged  the client said stored
unknown       it said may be stored; the raw client never says so
lost          acknowledged, and not there
doubled       there more than once
two keys      doubled under different UNIQ_KEYs: nobody can tell that they are one
recovered     unknown, and there
unexpected    there, although the client said not stored
`

const consumedLegend = `attempted     stored for the consumer
acknowledged  the broker was told that it is consumed
delivered     the handler has finished it
lost          acknowledged, never finished, and neither a retry nor a dead letter
doubled       finished more than once
dead          a dead letter
waiting       none of these yet
`

// only are the results of consumptions, or the others.
func only(results []result, consumed bool) []result {
	var some []result
	for _, r := range results {
		if r.isConsumed == consumed {
			some = append(some, r)
		}
	}
	return some
}

func total(results []result) result {
	sum := result{title: "in all"}
	for _, r := range results {
		for c := range r.counts {
			sum.counts[c].add(r.counts[c])
		}
	}
	return sum
}
