package consumer

import (
	"errors"
	"time"

	"github.com/holdfast-mq/holdfast"
)

// finding is what a run of a handler means for its message.
type finding int

const (
	finished   finding = iota // nil
	failed                    // an error or a panic
	asksRetry                 // RetryAfter
	rejected                  // Reject
	held                      // Hold, up to maxInMemory
	heldLong                  // Hold, longer
	paused                    // Pause
	exhausted                 // failed or asksRetry, and that was the last attempt
	findingEnd                // their number
)

// step is what is done about it.
type step int

const (
	acknowledge   step = iota
	storeRetry         // a copy for another attempt, then acknowledge
	storeLater         // a copy with its count unchanged, then acknowledge
	storeDead          // a dead letter, then acknowledge
	tryAgain           // in place, after a wait; the attempt counts
	comeAgain          // in place, after a wait; no attempt spent
	waitAtTheGate      // in place, when the gate lets it through; no attempt spent
)

// mode is where a message can go.
type mode int

const (
	withCopies mode = iota // concurrent, and copies can be stored
	inOrder                // orderly, and copies can be stored
	inPlace                // no copies: nothing but a nil error ever acknowledges
	modeEnd
)

// plan is the one place that says what becomes of a message. Nothing but acknowledge lets the
// official client commit it, and a stored copy is confirmed before that.
var plan = [findingEnd][modeEnd]step{
	//          withCopies   inOrder       inPlace
	finished:  {acknowledge, acknowledge, acknowledge},
	failed:    {storeRetry, tryAgain, tryAgain},              // in order what comes behind must wait, so no copy
	asksRetry: {storeRetry, tryAgain, tryAgain},              // the same with a delay of the handler's
	rejected:  {storeDead, storeDead, tryAgain},              // without copies a dead letter would be a loss
	held:      {comeAgain, comeAgain, comeAgain},             // short enough to hold a slot and the queue's offset
	heldLong:  {storeLater, comeAgain, comeAgain},            // a copy frees slot and offset; in order nothing may pass it
	paused:    {waitAtTheGate, waitAtTheGate, waitAtTheGate}, // an outage is not a rejection
	exhausted: {storeDead, storeDead, tryAgain},              // after it the queue goes on
}

// maxInMemory is the longest Hold that keeps a slot, and with it the queue's offset.
const maxInMemory = 30 * time.Second

// find says what err means, and the delay it asks for, 0 if none.
func find(err error, last bool) (finding, time.Duration) {
	if err == nil {
		return finished, 0
	}
	var verdict *holdfast.Verdict
	if !errors.As(err, &verdict) {
		verdict = &holdfast.Verdict{} // none of the kinds
	}
	switch verdict.Kind {
	case holdfast.VerdictReject:
		return rejected, 0
	case holdfast.VerdictPause:
		return paused, 0
	case holdfast.VerdictHold:
		if verdict.Delay > maxInMemory {
			return heldLong, verdict.Delay
		}
		return held, max(verdict.Delay, time.Millisecond)
	}
	if last {
		return exhausted, 0
	}
	if verdict.Kind == holdfast.VerdictRetry {
		return asksRetry, verdict.Delay
	}
	return failed, 0
}

// levels are the delays of a broker's default configuration; the first is level 1.
var levels = [...]time.Duration{
	time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, 5 * time.Minute,
	6 * time.Minute, 7 * time.Minute, 8 * time.Minute, 9 * time.Minute, 10 * time.Minute,
	20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour,
}

// levelFor is the smallest level whose delay is not below d, the last if there is none.
func levelFor(d time.Duration) int {
	for i, delay := range levels {
		if delay >= d {
			return i + 1
		}
	}
	return len(levels)
}

// levelAfter is the level of the retry after the given number of failed attempts, as brokers
// choose it: 10 s after the first.
func levelAfter(attempts int) int { return min(2+max(attempts, 1), len(levels)) }
