package holdfast

import (
	"context"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// Handler handles one message. What it returns decides about the message, and nothing else
// does: nil acknowledges it; [RetryAfter], [Reject], [Hold] and [Pause] are verdicts; any other
// error, and a panic, has it retried by the delay levels.
//
// ctx ends at the handler's deadline, when a drain has run out of time, and when the message is
// settled: it is of no use after the return. Work beside the handler is started with [Go]. The
// same message may come again, to another process too; [MessageID] tells it.
type Handler func(ctx context.Context, msg *primitive.MessageExt) error

// Middleware wraps a Handler. It passes on what the handler returns, or decides itself: a
// middleware that returns nil without calling the handler acknowledges the message.
type Middleware func(Handler) Handler

// MessageID is the identity of a message that survives retries, re-sends and dead letters: its
// UNIQ_KEY; of a message without one the id of the message it was first a copy of
// (ORIGIN_MESSAGE_ID), or else the id its broker gave it. A nil message has none: "".
//
// Official clients make ids that repeat, 65,536 a second and process: what is to be done once
// is better keyed by the id and the body.
func MessageID(msg *primitive.MessageExt) string {
	if msg == nil {
		return ""
	}
	if id := msg.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex); id != "" {
		return id
	}
	if id := msg.GetProperty(primitive.PropertyOriginMessageId); id != "" {
		return id
	}
	if msg.OffsetMsgId != "" {
		return msg.OffsetMsgId
	}
	return msg.MsgId
}
