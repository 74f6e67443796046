package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// printTable prints the results in the order of the rows, and what was wanted of each.
func printTable(out io.Writer, rows Rows, results []Result) {
	byName := map[string]Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	lines := [][]string{{"row", "raw", "holdfast", "unit", "ratio", "wanted", "held"}}
	judged, kept := 0, 0
	for _, row := range rows.all() {
		r, ok := byName[row.Name]
		if !ok {
			continue
		}
		verdict := row.Want.Verdict(r)
		if verdict != "" {
			judged++
		}
		if verdict == "yes" {
			kept++
		}
		lines = append(lines, []string{row.Name, number(r.Raw), number(r.Holdfast), row.Unit, ratio(r), row.Want.String(), verdict})
	}
	align(out, lines, map[int]bool{1: true, 2: true, 4: true})
	fmt.Fprintf(out, "\n%d of %d wants held\n", kept, judged)
}

// number shows a figure without an exponent and without zeros at the end.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func ratio(r Result) string {
	if r.Ratio == nil {
		return "-"
	}
	return strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
}

// align prints lines of equally many cells in columns, some of them to the right.
func align(out io.Writer, lines [][]string, right map[int]bool) {
	widths := make([]int, len(lines[0]))
	for _, cells := range lines {
		for i, cell := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range lines {
		var line strings.Builder
		for i, cell := range cells {
			format := "%-*s  "
			if right[i] {
				format = "%*s  "
			}
			fmt.Fprintf(&line, format, widths[i], cell)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}
