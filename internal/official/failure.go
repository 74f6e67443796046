package official

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	mqerrors "github.com/apache/rocketmq-client-go/v2/errors"

	"github.com/holdfast-mq/holdfast"
)

// A FailureKind says what an error of the official client means, as far as the error tells.
type FailureKind int

// The zero FailureKind is that of a nil error.
const (
	NotStarted FailureKind = iota + 1 // Start was not called, or Shutdown was
	ShutDown                          // the producer's client is closed
	Invalid                           // refused by the client's own checks
	NoRoute                           // no name server knows a broker for the topic
	Dial                              // no connection was made, nothing was sent
	Write                             // the connection broke while the request was being sent
	Timeout                           // no answer in time, or ctx ended: nobody knows
	Refused                           // the broker answered with a code that is no SendStatus
	Other                             // anything else: nobody knows
)

// String returns the kind's name in words.
func (k FailureKind) String() string {
	names := [...]string{"none", "not started", "shut down", "invalid", "no route", "dial", "write", "timeout", "refused", "other"}
	if k < 0 || int(k) >= len(names) {
		return "FailureKind(" + strconv.Itoa(int(k)) + ")"
	}
	return names[k]
}

// A Failure is an error of the official client, understood.
type Failure struct {
	Kind   FailureKind
	Broker *holdfast.BrokerError // the answer, for Refused, without the broker's name; otherwise nil
	Err    error                 // as the client returned it
}

// Classify says what an error of SendSync means; an error that wraps one means the same. It
// returns the zero Failure for nil. It says nothing about whether the message was stored.
func Classify(err error) Failure {
	if err == nil {
		return Failure{}
	}
	if answer := parseAnswer(err); answer != nil {
		return Failure{Kind: Refused, Broker: answer, Err: err}
	}
	return Failure{Kind: kind(err), Err: err}
}

func kind(err error) FailureKind {
	var (
		op  *net.OpError
		dns *net.DNSError
	)
	switch {
	case errors.Is(err, mqerrors.ErrNotRunning):
		return NotStarted
	case errors.Is(err, mqerrors.ErrService):
		return ShutDown
	case errors.Is(err, mqerrors.ErrMessageEmpty), errors.Is(err, mqerrors.ErrTopicEmpty), errors.Is(err, mqerrors.ErrMultipleTopics):
		return Invalid
	case strings.Contains(err.Error(), "route info not found"):
		return NoRoute
	case errors.As(err, &op):
		// Before the timeouts: a dial that ran into ctx is a timeout too, but sent nothing.
		if op.Op == "dial" {
			return Dial
		}
		return Write
	case errors.As(err, &dns):
		return Dial
	case errors.Is(err, net.ErrClosed), errors.Is(err, io.EOF), errors.Is(err, io.ErrShortWrite), errors.Is(err, io.ErrClosedPipe),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Write
	case errors.Is(err, mqerrors.ErrRequestTimeout), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Timeout
	default:
		return Other
	}
}

// parseAnswer reads the client's only account of a refusal, "CODE: 13, DESC: text", where the
// text may have several lines. A *holdfast.BrokerError in err's chain is returned as it is;
// for anything else the answer is nil.
func parseAnswer(err error) *holdfast.BrokerError {
	var answer *holdfast.BrokerError
	if errors.As(err, &answer) {
		return answer
	}
	for ; err != nil; err = errors.Unwrap(err) {
		rest, found := strings.CutPrefix(err.Error(), "CODE: ")
		if !found {
			continue
		}
		digits, remark, found := strings.Cut(rest, ", DESC: ")
		if code, bad := strconv.Atoi(digits); found && bad == nil {
			return &holdfast.BrokerError{Code: code, Remark: remark}
		}
	}
	return nil
}
