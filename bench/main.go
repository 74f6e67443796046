// Command bench runs the raw official client and holdfast in turn against a real broker and
// says how they compare.
//
//	bench [-rows send,memory] [-rounds 7] [-seconds 3] [-results results.json] [-profile]
//
// Both clients live in this one process, send the same messages to the same topic and log
// nowhere. The raw client is used as its own examples use it. A round is raw, then holdfast;
// before each turn the garbage is collected and the broker has caught up with what it was
// sent. The figures are the medians of the rounds, the ratio is holdfast's by raw's. The rows
// that were run replace theirs in the results file; the others stay.
//
// A row is made of a Case: see registry for all of them, and add yours there.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.rows, "rows", "", "run the rows that have a part of the name which begins with one of these `words` (send,memory/paused,512); empty means all")
	flag.IntVar(&o.rounds, "rounds", 7, "`rounds` of each row, except for those that take minutes")
	seconds := flag.Float64("seconds", 3, "`seconds` that one measurement lasts")
	flag.IntVar(&o.sends, "sends", millionSends, "`messages` of the memory rows; with another number than the default they are not kept")
	flag.StringVar(&o.results, "results", "results.json", "the `file` to keep the results in; empty keeps nothing")
	flag.BoolVar(&o.profile, "profile", false, "write profiles of each row's last round to a new temporary folder")
	flag.Parse()
	o.duration = time.Duration(*seconds * float64(time.Second))

	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if err := o.validate(); err != nil {
		return err
	}
	selected, err := selectRows(registry(), o.rows)
	if err != nil {
		return err
	}
	b := newBench(o, selected)
	results, err := b.run(ctx)
	if len(results) > 0 { // what was measured before an error counts
		printTable(os.Stdout, selected, results)
		b.printNotes(os.Stdout)
		if failure := o.keep(results); failure != nil && err == nil {
			err = failure
		}
	}
	return err
}
