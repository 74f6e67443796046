package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// A Result is a row that was run, as the results file has it.
type Result struct {
	Name     string   `json:"name"`
	Unit     string   `json:"unit"`
	Raw      float64  `json:"raw"`
	Holdfast float64  `json:"holdfast"`
	Ratio    *float64 `json:"ratio"` // holdfast by raw; null where either is not positive
	Rounds   int      `json:"rounds"`
	Machine  string   `json:"machine"`
	Date     string   `json:"date"`
}

// newResult keeps four digits of everything; the ratio is that of the figures before.
func newResult(row Row, raw, holdfast float64, rounds int, machine, date string) Result {
	r := Result{
		Name: row.Name, Unit: row.Unit, Raw: round4(raw), Holdfast: round4(holdfast),
		Rounds: rounds, Machine: machine, Date: date,
	}
	if raw > 0 && holdfast > 0 {
		ratio := round4(holdfast / raw)
		r.Ratio = &ratio
	}
	return r
}

// mergeInto replaces the results of the same names in the file and adds the others. A file
// that is not there is made.
func mergeInto(file string, results []Result) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = []byte("[]"), nil
	}
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	var kept []Result
	if err := json.Unmarshal(text, &kept); err != nil {
		return fmt.Errorf("results: %s: %w: mend or remove it", file, err)
	}
	merged, err := encode(merge(kept, results))
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	// All or nothing: an interrupt must not cost the rows of other runs.
	if err := os.WriteFile(file+".new", merged, 0o644); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	return nil
}

func merge(kept, results []Result) []Result {
	byName := map[string]Result{}
	for _, r := range slices.Concat(kept, results) {
		byName[r.Name] = r
	}
	merged := make([]Result, 0, len(byName))
	for _, r := range byName {
		merged = append(merged, r)
	}
	slices.SortFunc(merged, func(a, b Result) int { return strings.Compare(a.Name, b.Name) })
	return merged
}

// encode writes one object per line, so that a diff shows the rows that changed.
func encode(results []Result) ([]byte, error) {
	var text bytes.Buffer
	text.WriteString("[")
	for i, r := range results {
		if i > 0 {
			text.WriteString(",")
		}
		text.WriteString("\n  ")
		line, err := json.Marshal(r)
		if err != nil {
			return nil, err
		}
		text.Write(line)
	}
	text.WriteString("\n]\n")
	return text.Bytes(), nil
}
