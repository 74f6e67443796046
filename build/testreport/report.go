package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// An event is a line of go test -json; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// A report is what has been read so far.
type report struct {
	out                     io.Writer
	packages                map[string]*results
	builds                  map[string]*strings.Builder // what the compiler said, by import path
	passed, failed, skipped int
}

// results are those of one package.
type results struct {
	output                  map[string]*strings.Builder // by test; "" is what no test printed
	failures                []string                    // tests that failed, innermost first
	passed, failed, skipped int
}

func newReport(out io.Writer) *report {
	return &report{out: out, packages: map[string]*results{}, builds: map[string]*strings.Builder{}}
}

// read prints as it reads, until the end of in. What is not an event is passed through: the
// go command speaks plainly when it cannot even begin.
func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				r.take(e)
			} else {
				fmt.Fprint(r.out, string(line))
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	switch {
	case e.Action == "build-output":
		write(r.builds, e.ImportPath, e.Output)
	case e.Action == "output":
		write(r.of(e.Package).output, e.Test, e.Output)
	case e.Test != "":
		r.takeTest(e)
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		r.takePackage(e)
	}
}

func (r *report) of(name string) *results {
	if r.packages[name] == nil {
		r.packages[name] = &results{output: map[string]*strings.Builder{}}
	}
	return r.packages[name]
}

func (r *report) takeTest(e event) {
	p := r.of(e.Package)
	switch e.Action {
	case "pass":
		p.passed++
		delete(p.output, e.Test)
	case "fail":
		p.failed++
		p.failures = append(p.failures, e.Test)
	case "skip":
		p.skipped++
		fmt.Fprintf(r.out, "SKIP  %s %s\n%s", e.Package, e.Test, indent(p.text(e.Test)))
		delete(p.output, e.Test)
	}
}

func (r *report) takePackage(e event) {
	p := r.of(e.Package)
	if e.Action == "fail" && p.failed == 0 {
		p.failed = 1 // it did not build, or died outside a test
	}
	r.passed, r.failed, r.skipped = r.passed+p.passed, r.failed+p.failed, r.skipped+p.skipped
	delete(r.packages, e.Package)

	switch {
	case e.Action == "fail":
		if said := r.builds[e.FailedBuild]; said != nil {
			fmt.Fprint(r.out, indent(said.String()))
		}
		for _, test := range p.failures {
			fmt.Fprint(r.out, indent(p.text(test)))
			delete(p.output, test)
		}
		for test := range p.output { // cut short by a panic or a timeout
			fmt.Fprint(r.out, indent(p.text(test)))
		}
		fmt.Fprintf(r.out, "FAIL  %s (%.1fs): %d passed, %d failed\n", e.Package, e.Elapsed, p.passed, p.failed)
	case p.passed+p.skipped > 0:
		fmt.Fprintf(r.out, "ok    %s (%.1fs): %d passed\n", e.Package, e.Elapsed, p.passed)
	}
}

func (p *results) text(test string) string {
	if p.output[test] == nil {
		return ""
	}
	return p.output[test].String()
}

// addTo adds the counts to a file as one line.
func (r *report) addTo(name string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, r.passed, r.failed, r.skipped)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func write(to map[string]*strings.Builder, key, text string) {
	if to[key] == nil {
		to[key] = &strings.Builder{}
	}
	to[key].WriteString(text)
}

// indent sets the lines off and leaves out those that only say that a test began.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if trimmed := strings.TrimLeft(line, " "); strings.HasPrefix(trimmed, "=== ") {
			continue
		}
		b.WriteString("      " + line)
	}
	return b.String()
}
