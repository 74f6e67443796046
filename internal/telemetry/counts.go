package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/metric"
)

// An AttemptOutcome says what came of one request to store messages.
type AttemptOutcome string

// What can come of an attempt.
const (
	AttemptStored     AttemptOutcome = "stored"      // SEND_OK
	AttemptNotDurable AttemptOutcome = "not_durable" // a FLUSH_* or SLAVE_* status
	AttemptNotStored  AttemptOutcome = "not_stored"  // certainly not
	AttemptUnknown    AttemptOutcome = "unknown"     // no answer
)

// A LookupOutcome says what a broker answered when asked for a message.
type LookupOutcome string

// What can come of a look-up.
const (
	LookupFound    LookupOutcome = "found"
	LookupNotFound LookupOutcome = "not_found"
	LookupRefused  LookupOutcome = "refused" // the account may not ask
	LookupFailed   LookupOutcome = "failed"  // no answer
)

// Attempt counts one request to store messages in topic.
func (p *Producer) Attempt(ctx context.Context, topic string, outcome AttemptOutcome) {
	if p.measures.attempts.Enabled(ctx) {
		p.measures.attempts.Add(ctx, 1, metric.WithAttributes(p.destination(topic).topic, OutcomeKey.String(string(outcome))))
	}
}

// Lookup counts one question for a message of topic.
func (p *Producer) Lookup(ctx context.Context, topic string, outcome LookupOutcome) {
	if p.measures.lookups.Enabled(ctx) {
		p.measures.lookups.Add(ctx, 1, metric.WithAttributes(p.destination(topic).topic, OutcomeKey.String(string(outcome))))
	}
}

// DuplicatesAvoided counts n messages of topic that a look-up found stored, and that were
// therefore not sent again.
func (p *Producer) DuplicatesAvoided(ctx context.Context, topic string, n int) {
	if p.measures.duplicatesAvoided.Enabled(ctx) {
		p.measures.duplicatesAvoided.Add(ctx, int64(n), metric.WithAttributes(p.destination(topic).topic))
	}
}

// Batch records that one request carries n messages of topic.
func (p *Producer) Batch(ctx context.Context, topic string, n int) {
	if p.measures.batchSize.Enabled(ctx) {
		p.measures.batchSize.Record(ctx, int64(n), metric.WithAttributes(p.destination(topic).topic))
	}
}
