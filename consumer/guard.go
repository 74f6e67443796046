package consumer

import (
	"context"
	"errors"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/official"
)

// Guard returns a listener for a push consumer of the official client, concurrent or orderly,
// that acknowledges nothing but finished work: it answers success only after h returned nil,
// and everything h started with holdfast.Go did, or after a copy was stored with SEND_OK. It
// never returns an error and never asks the client to send a message back.
//
// Without WithRetries there is nowhere to store copies: whatever h returns but nil, the message
// is tried again in place, with backoff, for as long as the process lives, and keeps its slot
// and its queue's offset.
//
// While a message is worked on or waits, the client's expiry does not take it away; a message
// that is delivered again meanwhile, because its queue came and went, waits for the first run
// and takes over its outcome. Panics of h are errors. Each message of a batch is judged alone,
// and the batch is acknowledged when all of them are settled.
//
// Guard panics on options that are wrong, with all complaints, and on a nil h. It starts
// nothing in the background. It sets the logger of the official client for the process; see
// WithLogger. A broadcasting consumer loses what fails with any listener: do not use one.
func Guard(h holdfast.Handler, opts ...GuardOption) func(context.Context, ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
	e, err := newGuard(h, opts)
	if err != nil {
		panic(err)
	}
	official.SetLogger(e.logger)
	return e.listen
}

// WithRetries has Guard store retry and dead-letter copies with r, which outlives the consumer
// that the listener is for. The default is nil: no copies.
func WithRetries(r *Retries) GuardOption {
	return guardOption(func(s *settings) {
		s.copies = nil
		if r != nil {
			s.copies = r
		}
	})
}

type guardOption func(*settings)

func (o guardOption) applyToGuard(s *settings) { o(s) }

func newGuard(h holdfast.Handler, opts []GuardOption) (*engine, error) {
	if h == nil {
		return nil, errors.New("consumer: Guard: the handler is nil")
	}
	s := defaultSettings()
	for _, opt := range opts {
		opt.applyToGuard(&s)
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	to := &target{handle: h, gate: newGate(&s)}
	return newEngine(s, "", func(*primitive.MessageExt) (*target, error) { return to, nil })
}
