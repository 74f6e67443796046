package holdfast

import (
	"errors"
	"fmt"
	"time"
)

// MaxRetryAfter is the longest delay level of a broker's default configuration, and the
// longest delay that RetryAfter takes.
const MaxRetryAfter = 2 * time.Hour

// VerdictKind says what a verdict asks for.
type VerdictKind uint8

// The verdicts. The zero VerdictKind is none.
const (
	VerdictRetry  VerdictKind = iota + 1 // see RetryAfter
	VerdictReject                        // see Reject
	VerdictHold                          // see Hold
	VerdictPause                         // see Pause
)

// String names the function that makes it.
func (k VerdictKind) String() string {
	switch k {
	case VerdictRetry:
		return "RetryAfter"
	case VerdictReject:
		return "Reject"
	case VerdictHold:
		return "Hold"
	case VerdictPause:
		return "Pause"
	default:
		return fmt.Sprintf("VerdictKind(%d)", uint8(k))
	}
}

// Verdict is an error that says what is to become of the message. Make one with [RetryAfter],
// [Reject], [Hold] or [Pause]; find one with errors.As. Of several in one error the outermost
// counts, so that a middleware can overrule a handler.
type Verdict struct {
	Kind  VerdictKind
	Delay time.Duration // of VerdictRetry and VerdictHold
	Err   error         // the reason, never nil
}

// Error is the reason's text.
func (v *Verdict) Error() string { return v.Err.Error() }

// Unwrap returns the reason.
func (v *Verdict) Unwrap() error { return v.Err }

// RetryAfter has the message retried after the smallest delay level that is not below d,
// counted as an attempt: a copy is stored, and the message acknowledged then. A d of 0 or less
// means the first level, 1 s. An err of nil stands for a default text.
//
// The longest level is [MaxRetryAfter]. Above it the result is no verdict but a plain error
// that says so and wraps err: the message is retried by the levels.
func RetryAfter(d time.Duration, err error) error {
	if d > MaxRetryAfter {
		return fmt.Errorf("holdfast: RetryAfter: %v is above the longest delay level, %v: retried by the levels instead: %w",
			d, MaxRetryAfter, reason(err, "the handler asked for a retry"))
	}
	return &Verdict{Kind: VerdictRetry, Delay: max(d, 0), Err: reason(err, "the handler asked for a retry")}
}

// Reject has the message stored as a dead letter at once: for what no retry can mend. An err
// of nil stands for a default text.
func Reject(err error) error {
	return &Verdict{Kind: VerdictReject, Err: reason(err, "the handler rejected the message")}
}

// Hold has this message come again in d, no attempt spent: for what is too early. Up to 30 s
// it is held in memory, longer as a stored copy with its count unchanged, since a held slot
// holds the queue's offset; a copy comes back by the smallest delay level that is not below d,
// at the latest after 2 h. A d under 100 ms means 100 ms. An err of nil stands for a default
// text.
func Hold(d time.Duration, err error) error {
	return &Verdict{Kind: VerdictHold, Delay: max(d, minHold), Err: reason(err, "the handler holds the message")}
}

const minHold = 100 * time.Millisecond // so that a mistaken 0 does not become a busy loop

// Pause has this message and all others of its handler wait, no attempt spent: for a
// dependency that is down. One message at a time is tried, with growing delays, until one ends
// without Pause; then all go on. An err of nil stands for a default text.
func Pause(err error) error {
	return &Verdict{Kind: VerdictPause, Err: reason(err, "the handler paused")}
}

func reason(err error, otherwise string) error {
	if err == nil {
		return errors.New(otherwise)
	}
	return err
}
