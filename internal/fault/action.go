package fault

import "time"

// Action is what is done to a request. The zero Action is Pass.
type Action struct{ plan Plan }

// Plan is what an Action comes to, in the order in which it is carried out: wait Delay, handle
// the request unless Refuse, wait AnswerDelay, then End.
type Plan struct {
	Delay       time.Duration
	Refuse      bool // the request never reaches the store
	AnswerDelay time.Duration
	End         End
	Code        int // for Substitute
	Remark      string
}

// End is how a request ends for who sent it.
type End int

// Ends.
const (
	OwnAnswer  End = iota // the answer that handling it gave
	Substitute            // an answer of Code and Remark
	Silence               // no answer; the connection stays
	Cut                   // no answer; the connection is reset
)

// PlanOf returns what a comes to.
func PlanOf(a Action) Plan { return a.plan }

// Pass lets the request through.
func Pass() Action { return Action{} }

// DropRequest loses the request: it is not handled and never answered.
func DropRequest() Action { return Action{Plan{Refuse: true, End: Silence}} }

// DropResponse handles the request, a message is stored, and loses the answer.
func DropResponse() Action { return Action{Plan{End: Silence}} }

// Answer gives the answer code, with remark, and does not handle the request.
func Answer(code int, remark string) Action {
	return Action{Plan{Refuse: true, End: Substitute, Code: code, Remark: remark}}
}

// AnswerAfterStore handles the request, a message is stored, and answers code with remark
// instead of what came of it.
func AnswerAfterStore(code int, remark string) Action {
	return Action{Plan{End: Substitute, Code: code, Remark: remark}}
}

// Delay waits for d of real time before then. Requests that come after it on the same
// connection are not held up.
func Delay(d time.Duration, then Action) Action {
	then.plan.Delay += d
	return then
}

// AnswerLate handles the request at once and holds its answer back for d of real time.
func AnswerLate(d time.Duration) Action { return Action{Plan{AnswerDelay: d}} }

// CloseBefore resets the connection instead of handling the request.
func CloseBefore() Action { return Action{Plan{Refuse: true, End: Cut}} }

// CloseAfter handles the request, a message is stored, and resets the connection instead of
// answering.
func CloseAfter() Action { return Action{Plan{End: Cut}} }
