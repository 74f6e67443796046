package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// An Instrument is one metric as docs/METRICS.md shows it.
type Instrument struct {
	Name        string
	Kind        Kind
	Unit        string
	Description string
	Attributes  []attribute.Key // that its measurements may carry
}

// A Kind is a kind of instrument of the OpenTelemetry API.
type Kind string

// The kinds in use.
const (
	Counter                 Kind = "counter"
	Histogram               Kind = "histogram"
	UpDownCounter           Kind = "up-down counter"
	ObservableUpDownCounter Kind = "observable up-down counter"
	Gauge                   Kind = "gauge"
)

// OutcomeKey is the attribute of our own instruments that says how something went.
const OutcomeKey = attribute.Key("holdfast.outcome")

var ofSend = []attribute.Key{
	semconv.MessagingSystemKey, semconv.MessagingOperationNameKey, semconv.MessagingOperationTypeKey,
	semconv.MessagingDestinationNameKey, semconv.ServerAddressKey, semconv.ServerPortKey, semconv.ErrorTypeKey,
}

var ofProcess = []attribute.Key{
	semconv.MessagingSystemKey, semconv.MessagingOperationNameKey, semconv.MessagingOperationTypeKey,
	semconv.MessagingDestinationNameKey, semconv.MessagingConsumerGroupNameKey, semconv.ErrorTypeKey,
}

var ofGroup = []attribute.Key{semconv.MessagingDestinationNameKey, semconv.MessagingConsumerGroupNameKey}

var ofCopy = []attribute.Key{semconv.MessagingDestinationNameKey, semconv.MessagingConsumerGroupNameKey, OutcomeKey}

var (
	operationDuration = Instrument{"messaging.client.operation.duration", Histogram, "s",
		"Duration of a send as its caller sees it, all attempts included.", ofSend}
	sentMessages = Instrument{"messaging.client.sent.messages", Counter, "{message}",
		"Messages that a send was tried for, failed ones included.", ofSend}
	attempts = Instrument{"holdfast.producer.attempts", Counter, "{attempt}",
		"Requests to store messages made to brokers, by what came of them.",
		[]attribute.Key{semconv.MessagingDestinationNameKey, OutcomeKey}}
	lookups = Instrument{"holdfast.producer.lookups", Counter, "{lookup}",
		"Questions to brokers whether a message of unknown outcome is stored, by the answer.",
		[]attribute.Key{semconv.MessagingDestinationNameKey, OutcomeKey}}
	duplicatesAvoided = Instrument{"holdfast.producer.duplicates_avoided", Counter, "{message}",
		"Messages of unknown outcome that a look-up found stored, and that were therefore not sent again.",
		[]attribute.Key{semconv.MessagingDestinationNameKey}}
	batchSize = Instrument{"holdfast.producer.batch.size", Histogram, "{message}",
		"Messages in one request.",
		[]attribute.Key{semconv.MessagingDestinationNameKey}}
	inFlight = Instrument{"holdfast.producer.in_flight", ObservableUpDownCounter, "{message}",
		"Messages accepted whose outcome is not reported yet.",
		[]attribute.Key{semconv.MessagingClientIDKey}}
	abandoned = Instrument{"holdfast.producer.abandoned", ObservableUpDownCounter, "{attempt}",
		"Attempts still running in the official client although their caller's context has ended.",
		[]attribute.Key{semconv.MessagingClientIDKey}}
	processDuration = Instrument{"messaging.process.duration", Histogram, "s",
		"Duration of one run of a handler, the work it started included.", ofProcess}
	consumedMessages = Instrument{"messaging.client.consumed.messages", Counter, "{message}",
		"Messages given to a handler, each run counted.", ofProcess}
	retries = Instrument{"holdfast.consumer.retries", Counter, "{message}",
		"Copies to be delivered later, for another attempt or a long hold, by what came of storing them.", ofCopy}
	deadLetters = Instrument{"holdfast.consumer.dead_letters", Counter, "{message}",
		"Copies for the dead-letter topic, by what came of storing them.", ofCopy}
	heldMessages = Instrument{"holdfast.consumer.held", UpDownCounter, "{message}",
		"Messages that wait in memory: held, paused, before another attempt in place or to store a copy.",
		ofGroup}
	lag = Instrument{"holdfast.consumer.lag", Gauge, "{message}",
		"Messages of the topic that the group has not acknowledged, as its brokers say; every member measures the whole group.", ofGroup}
	subscriptionMismatch = Instrument{"holdfast.consumer.subscription_mismatch", Counter, "{mismatch}",
		"Topics that another member of the group was seen to subscribe differently, each look counted.", ofGroup}
)

// Instruments lists every instrument of this package.
var Instruments = []Instrument{
	operationDuration, sentMessages,
	attempts, lookups, duplicatesAvoided, batchSize, inFlight, abandoned,
	processDuration, consumedMessages, retries, deadLetters, heldMessages, lag, subscriptionMismatch,
}

// durationBounds are those of the messaging conventions, in seconds.
var durationBounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// batchBounds double up to the largest batch that fills a request with small messages.
var batchBounds = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}

// measures are the instruments, made.
type measures struct {
	operationDuration   metric.Float64Histogram
	sentMessages        metric.Int64Counter
	attempts, lookups   metric.Int64Counter
	duplicatesAvoided   metric.Int64Counter
	batchSize           metric.Int64Histogram
	inFlight, abandoned metric.Int64ObservableUpDownCounter
}

func newMeasures(meter metric.Meter) (m measures, err error) {
	var errs [8]error
	m.operationDuration, errs[0] = meter.Float64Histogram(operationDuration.Name,
		metric.WithUnit(operationDuration.Unit), metric.WithDescription(operationDuration.Description),
		metric.WithExplicitBucketBoundaries(durationBounds...))
	m.batchSize, errs[1] = meter.Int64Histogram(batchSize.Name,
		metric.WithUnit(batchSize.Unit), metric.WithDescription(batchSize.Description),
		metric.WithExplicitBucketBoundaries(batchBounds...))
	m.sentMessages, errs[2] = sentMessages.counter(meter)
	m.attempts, errs[3] = attempts.counter(meter)
	m.lookups, errs[4] = lookups.counter(meter)
	m.duplicatesAvoided, errs[5] = duplicatesAvoided.counter(meter)
	m.inFlight, errs[6] = inFlight.observable(meter)
	m.abandoned, errs[7] = abandoned.observable(meter)
	return m, errors.Join(errs[:]...)
}

func (i Instrument) counter(meter metric.Meter) (metric.Int64Counter, error) {
	return meter.Int64Counter(i.Name, metric.WithUnit(i.Unit), metric.WithDescription(i.Description))
}

func (i Instrument) observable(meter metric.Meter) (metric.Int64ObservableUpDownCounter, error) {
	return meter.Int64ObservableUpDownCounter(i.Name, metric.WithUnit(i.Unit), metric.WithDescription(i.Description))
}

// consumerMeasures are a consumer's instruments, made.
type consumerMeasures struct {
	processDuration      metric.Float64Histogram
	consumedMessages     metric.Int64Counter
	retries, deadLetters metric.Int64Counter
	held                 metric.Int64UpDownCounter
	lag                  metric.Int64Gauge
	mismatches           metric.Int64Counter
}

func newConsumerMeasures(meter metric.Meter) (m consumerMeasures, err error) {
	var errs [7]error
	m.processDuration, errs[0] = meter.Float64Histogram(processDuration.Name,
		metric.WithUnit(processDuration.Unit), metric.WithDescription(processDuration.Description),
		metric.WithExplicitBucketBoundaries(durationBounds...))
	m.consumedMessages, errs[1] = consumedMessages.counter(meter)
	m.retries, errs[2] = retries.counter(meter)
	m.deadLetters, errs[3] = deadLetters.counter(meter)
	m.held, errs[4] = meter.Int64UpDownCounter(heldMessages.Name,
		metric.WithUnit(heldMessages.Unit), metric.WithDescription(heldMessages.Description))
	m.lag, errs[5] = meter.Int64Gauge(lag.Name, metric.WithUnit(lag.Unit), metric.WithDescription(lag.Description))
	m.mismatches, errs[6] = subscriptionMismatch.counter(meter)
	return m, errors.Join(errs[:]...)
}
