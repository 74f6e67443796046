// Command testreport reads the output of go test -json and prints what a person wants to
// see of it: a line per package, the output of what failed, and every test that was skipped
// with its reason. It exits with status 1 if anything failed.
//
//	go test -json ./... | testreport [-tally file]
//
// With -tally it adds a line "passed failed skipped" to the file, for a sum over many runs.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	tally := flag.String("tally", "", "add the counts to this `file`")
	flag.Parse()

	r := newReport(os.Stdout)
	err := r.read(os.Stdin)
	if err == nil && *tally != "" {
		err = r.addTo(*tally)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if r.failed > 0 {
		os.Exit(1)
	}
}
