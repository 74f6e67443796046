package lab

import "fmt"

// Exit statuses.
const (
	exitHeld      = 0 // holdfast lost and misreported nothing, and every fault did bite
	exitBroken    = 1 // it did, or one of its duplicates cannot be recognised
	exitNoBite    = 2 // a fault did nothing to the raw client: the run proves nothing
	exitFailed    = 3 // the lab could not run
	exitInterrupt = 130
)

// verdict is the last line, the exit status, and what there is to complain of.
func verdict(results []result, model bool) (line string, exit int, complaints []string) {
	sum := total(results).counts
	raw, held := sum[rawClient], sum[heldClient]
	line = fmt.Sprintf("verdict: raw lost %d doubled %d unexpected %d; holdfast lost %d doubled %d unexpected %d",
		raw.lost, raw.doubled, raw.unexpected, held.lost, held.doubled, held.unexpected)
	if model {
		line += " (model broker)"
	}

	for _, r := range results {
		if !r.bites.seen(r.counts[rawClient]) {
			exit = exitNoBite
			complaints = append(complaints, fmt.Sprintf("%s: no bite: nothing of the raw client's was %s", r.title, r.bites.name))
		}
	}
	for _, r := range results {
		for _, complaint := range broken(r.counts[heldClient]) {
			exit = exitBroken
			complaints = append(complaints, fmt.Sprintf("%s: holdfast %s", r.title, complaint))
		}
	}
	if total(only(results, false)).counts[heldClient].acknowledged == 0 {
		exit = exitBroken
		complaints = append(complaints, "holdfast sent nothing at all: whoever says nothing does not lie")
	}
	return line, exit, complaints
}

// broken is what holdfast must never do.
func broken(c counts) (complaints []string) {
	if c.lost > 0 {
		complaints = append(complaints, fmt.Sprintf("lost %d", c.lost))
	}
	if c.unexpected > 0 {
		complaints = append(complaints, fmt.Sprintf("said not stored of %d that are", c.unexpected))
	}
	if c.apart > 0 {
		complaints = append(complaints, fmt.Sprintf("doubled %d under different UNIQ_KEYs", c.apart))
	}
	if c.waiting > 0 {
		complaints = append(complaints, fmt.Sprintf("had not delivered %d in the end", c.waiting))
	}
	return complaints
}
