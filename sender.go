package holdfast

import (
	"context"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// Sender sends one message and tells the truth about it. A *producer.Producer is one; so is
// anything whose nil means SEND_OK. The raw producer does not satisfy it by accident.
type Sender interface {
	// Send returns nil if and only if the broker answered SEND_OK for msg. With an error the
	// result is nil, and the outcome is as the package comment says. When ctx ends, Send
	// returns soon after, with ErrOutcomeUnknown if an attempt was under way.
	Send(ctx context.Context, msg *primitive.Message) (*primitive.SendResult, error)
}

// BatchSender is a Sender that can be given many messages at once and saves the caller a
// goroutine for each. It is optional: use it where a type assertion finds it.
type BatchSender interface {
	Sender

	// SendBatch sends every message as Send would, each with an outcome of its own, and
	// returns one BatchResult for each in the same order.
	SendBatch(ctx context.Context, msgs []*primitive.Message) []BatchResult
}

// BatchResult is the outcome of one message of a batch: exactly one of Result and Err is
// nil, with the meaning they have in Send.
type BatchResult struct {
	Result *primitive.SendResult
	Err    error
}

// Preflight is a check made before a client starts to work, such as durability's.
type Preflight interface {
	// Check returns nil if messages may be sent to the topics, and otherwise an error that
	// says what is wrong and what would mend it. It ends when ctx does.
	Check(ctx context.Context, topics ...string) error
}
