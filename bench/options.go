package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

type options struct {
	rows     string
	rounds   int
	duration time.Duration
	sends    int
	results  string
	profile  bool
}

func (o options) validate() error {
	var complaints []error
	if o.rounds < 1 {
		complaints = append(complaints, fmt.Errorf("-rounds is %d: give at least 1", o.rounds))
	}
	if o.duration <= 0 {
		complaints = append(complaints, errors.New("-seconds is not positive: give more than 0"))
	}
	if o.sends < 10 {
		complaints = append(complaints, fmt.Errorf("-sends is %d: give at least 10", o.sends))
	}
	return errors.Join(complaints...)
}

// keep merges results into the file. The memory rows say in their names how many messages
// they are about, so those of another number are left out.
func (o options) keep(results []Result) error {
	if o.results == "" {
		return nil
	}
	if o.sends != millionSends {
		results = slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return strings.HasPrefix(r.Name, memoryPrefix) })
	}
	return mergeInto(o.results, results)
}
