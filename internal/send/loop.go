package send

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/backoff"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Answer is how one attempt ended.
type Answer struct {
	Broker string                // whom it was sent to; empty if there was nobody
	Result *primitive.SendResult // the broker's answer, if it took the message
	Err    error                 // why there is none
	Stuck  bool                  // the attempt was left running; Err says where
	Unsent bool                  // nothing was sent at all; Err says why
}

// Loop sends one message, or one batch that is stored whole or not at all. It can be used again
// when it has ended.
type Loop struct {
	Attempts int // at most; 1 means no second one
	Backoff  backoff.Policy
	Resend   bool // an answer that is not durable is worth another attempt

	// Doubt says that an attempt before this loop may have stored the message.
	Doubt bool

	// Try makes one attempt, on another broker than avoid if it can. It returns when the
	// attempt has settled or is Stuck, or with ErrLeftBehind when somebody else has gone on
	// with Resume.
	Try func(avoid string) Answer

	// Elsewhere says whether there is another broker than the one given to send to.
	Elsewhere func(broker string) bool

	// Find asks whether an attempt that was not answered did store the message; nil if that
	// cannot be said.
	Find func(ctx context.Context) *primitive.SendResult

	failure Failure // of the attempts so far
	avoid   string
}

// ErrLeftBehind is what Run and Resume end with when Try does: the loop is another
// goroutine's.
var ErrLeftBehind = errors.New("left behind")

// Failure is why a message was not sent. It is ErrOutcomeUnknown unless no attempt can have
// stored it.
type Failure struct {
	Attempts int
	Doubt    bool                      // some attempt may have stored the message
	Weak     *holdfast.NotDurableError // the last answer that was not durable
	Err      error                     // what the last attempt ended with
}

// Error says what is known, then how the last attempt ended.
func (f *Failure) Error() string {
	outcome := "not stored"
	switch {
	case f.Weak != nil:
		outcome = f.Weak.Error()
	case f.Doubt:
		outcome = holdfast.ErrOutcomeUnknown.Error()
	}
	if f.Err == nil || f.Err == error(f.Weak) {
		return outcome
	}
	if f.Attempts > 1 {
		return fmt.Sprintf("%s: %d attempts, the last: %v", outcome, f.Attempts, f.Err)
	}
	return fmt.Sprintf("%s: %v", outcome, f.Err)
}

// Is makes errors.Is(err, ErrOutcomeUnknown) true for a message that may be stored.
func (f *Failure) Is(target error) bool {
	return target == holdfast.ErrOutcomeUnknown && (f.Doubt || f.Weak != nil)
}

// Unwrap returns the causes: the answer that was not durable, and the last error.
func (f *Failure) Unwrap() []error {
	var causes []error
	if f.Weak != nil {
		causes = append(causes, f.Weak)
	}
	if f.Err != nil {
		causes = append(causes, cause{f.Err})
	}
	return causes
}

// cause is an error that says nothing about the message. What ended a ctx may well be the
// failure of another send.
type cause struct{ error }

func (c cause) Is(target error) bool {
	return target != holdfast.ErrOutcomeUnknown && errors.Is(c.error, target)
}

func (c cause) As(target any) bool {
	_, outcome := target.(**holdfast.NotDurableError)
	return !outcome && errors.As(c.error, target)
}

// Run makes attempts until one is answered SEND_OK, or is found to have stored the message
// durably, or another is not worth it, or ctx has ended. It returns a result, or a *Failure
// that holds the worst that is known of all attempts. An attempt under way when ctx ends is
// waited for; none is begun after.
func (l *Loop) Run(ctx context.Context) (*primitive.SendResult, error) {
	l.failure, l.avoid = Failure{Doubt: l.Doubt}, ""
	return l.attempts(ctx)
}

// Resume goes on after an attempt whose Try has not returned, and will return ErrLeftBehind; a
// is what has become of it.
func (l *Loop) Resume(ctx context.Context, a Answer) (*primitive.SendResult, error) {
	if ended, result, err := l.after(ctx, a); ended {
		return result, err
	}
	return l.attempts(ctx)
}

func (l *Loop) attempts(ctx context.Context) (*primitive.SendResult, error) {
	for {
		a := l.Try(l.avoid)
		if a.Err == ErrLeftBehind {
			return nil, ErrLeftBehind
		}
		if ended, result, err := l.after(ctx, a); ended {
			return result, err
		}
	}
}

// after judges an attempt and says whether it was the last one.
func (l *Loop) after(ctx context.Context, a Answer) (ended bool, _ *primitive.SendResult, _ error) {
	f := &l.failure
	f.Attempts++
	v := judge(a)
	switch v.stored {
	case Durably:
		return true, a.Result, nil
	case Weakly:
		f.Weak = &holdfast.NotDurableError{Status: a.Result.Status, Result: a.Result}
		f.Err = f.Weak
		if l.Resend {
			v.next = anyBroker
		}
	default:
		f.Doubt = f.Doubt || v.stored == Maybe
		f.Err = named(a)
	}

	again := f.Attempts < l.Attempts && l.worth(v.next, a.Broker)
	if again {
		again = backoff.Sleep(ctx, l.Backoff.Delay(f.Attempts)) == nil
	}
	if f.Doubt && f.Weak == nil {
		if found := l.Find(ctx); found != nil {
			return true, found, nil
		}
	}
	if !again || ctx.Err() != nil {
		failure := *f
		return true, nil, &failure
	}
	l.avoid = a.Broker
	return false, nil, nil
}

func (l *Loop) worth(n next, broker string) bool {
	switch n {
	case anyBroker:
		return true
	case otherBroker:
		return broker != "" && l.Elsewhere(broker)
	default:
		return false
	}
}

// named is the error of an attempt, as a *holdfast.BrokerError with the broker's name where
// it was refused.
func named(a Answer) error {
	if refused := refusal(a.Err); refused != nil {
		return &holdfast.BrokerError{Code: refused.Code, Remark: refused.Remark, Broker: a.Broker}
	}
	switch {
	case a.Err == nil:
		return errors.New("the answer has a status that is not known")
	case a.Broker == "":
		return a.Err
	default:
		return fmt.Errorf("broker %s: %w", a.Broker, a.Err)
	}
}

// TooLarge tells a batch that was refused for its size, or for one message in it, from one
// that was refused for what is wrong with all of it.
func TooLarge(err error) bool {
	refused := (*holdfast.BrokerError)(nil)
	return errors.As(err, &refused) && tooLarge(refused)
}

// tooLarge knows the refusal of a message, and of a batch, which brokers answer with
// SYSTEM_ERROR: they encode it before they append anything.
func tooLarge(refused *holdfast.BrokerError) bool {
	return refused.Code == remoting.MessageIllegal ||
		refused.Code == remoting.SystemError && strings.Contains(refused.Remark, "message body size exceeded")
}

// Stored is what is known of the message after the attempt.
func (a Answer) Stored() Stored { return judge(a).stored }

// IsBrokersFault says that another broker, or another time, might have done better: nothing
// is wrong with the message.
func (a Answer) IsBrokersFault() bool { return judge(a).next != stop }
