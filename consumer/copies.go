package consumer

import (
	"context"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// copies stores what is to be consumed later, or by a person. A nil error means that the
// broker answered SEND_OK for the copy, and only then may the message itself be acknowledged.
// Every error means "not known to be stored": the caller keeps the message and tries again.
// The calls end soon after ctx does, and msg is only read.
type copies interface {
	// Retry stores a copy in the group's retry topic that comes back after the broker's delay
	// level, counted as one more attempt than msg. attempt is the number of attempts made so
	// far, the one that failed included.
	Retry(ctx context.Context, msg *primitive.MessageExt, level, attempt int, reason error) error

	// Later stores a copy in the group's retry topic that comes back after the broker's delay
	// level, with the count of msg unchanged.
	Later(ctx context.Context, msg *primitive.MessageExt, level int, reason error) error

	// DeadLetter stores a copy in the group's dead-letter topic.
	DeadLetter(ctx context.Context, msg *primitive.MessageExt, reason error) error
}
