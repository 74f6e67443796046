package consumer

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-mq/holdfast/internal/official"
)

// Option changes a default of New. A bad value is an error of New.
type Option interface{ applyToConsumer(*config) }

type consumerOption func(*config)

func (o consumerOption) applyToConsumer(c *config) { o(c) }

func (o HandlingOption) applyToConsumer(c *config) { o(&c.settings) }

func (o RetriesOption) applyToConsumer(c *config) { c.retries = append(c.retries, o) }

type config struct {
	settings
	push    official.Push
	retries []RetriesOption

	drain      time.Duration // for handlers
	last       time.Duration // then, for those that were cancelled, the last offsets and Shutdown
	strict     bool
	tolerance  time.Duration // of a mismatch, before it is unhealthy
	look       time.Duration // between two looks at the group
	ownsPanics bool
}

func defaultConfig() config {
	return config{
		settings:   defaultSettings(),
		drain:      15 * time.Second,
		last:       6 * time.Second,
		tolerance:  10 * time.Minute,
		look:       30 * time.Second,
		ownsPanics: true,
	}
}

// InOrder consumes each queue in strict order: a message that fails holds its queue, in this
// process, until it succeeds or, with WithMaxAttempts, has become a dead letter. The default is
// concurrent.
func InOrder() Option { return consumerOption(func(c *config) { c.push.Orderly = true }) }

// FromLast begins queues that the group has no offset for at their end. The default is their
// beginning, so that nothing is passed over that was stored before the first start.
func FromLast() Option { return consumerOption(func(c *config) { c.push.FromLast = true }) }

// FromTime begins queues that the group has no offset for at the first message stored at t, to
// the second, or later. It excludes FromLast.
func FromTime(t time.Time) Option { return consumerOption(func(c *config) { c.push.FromTime = t }) }

// WithConcurrency sets how many messages each handler works on at once, 1 to 10,000. The default
// is 20, retries included. Of one topic no more are in hand, those that are held, or whose copies
// are being stored, among them. In order it is one for each queue, whatever this says.
func WithConcurrency(n int) Option {
	return consumerOption(func(c *config) { c.push.Goroutines = orRefused(n) })
}

// WithPullBatch sets how many messages are pulled at once, 1 to 1,024. The default is 32.
func WithPullBatch(n int) Option {
	return consumerOption(func(c *config) { c.push.PullMessages = orRefused(n) })
}

// WithMaxCached bounds what has been pulled from one queue and is not acknowledged, in messages
// (1 to 65,535) and MiB of bodies (1 to 1,024): beyond, the queue is not pulled from. The
// defaults are 1,024 and 512. Held messages count.
func WithMaxCached(messages, mib int) Option {
	return consumerOption(func(c *config) { c.push.CachedMessages, c.push.CachedMiB = orRefused(messages), orRefused(mib) })
}

// orRefused keeps a 0 from meaning the default.
func orRefused(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// WithDrainTimeout sets how long Run waits for handlers that run when its ctx ends, before it
// cancels their contexts. The default is 15 s; 0 cancels at once. After it come at most 7 s more,
// for handlers that were cancelled, for the last offsets, and to shut down.
func WithDrainTimeout(d time.Duration) Option {
	return consumerOption(func(c *config) { c.drain = d })
}

// WithStrictSubscriptions makes Run fail at its start if another member of the group subscribes
// differently. The default is to report it, and to be unhealthy when it lasts.
func WithStrictSubscriptions() Option { return consumerOption(func(c *config) { c.strict = true }) }

// WithMismatchTolerance sets for how long members of the group may subscribe differently before
// Healthy says so: while a deployment that changes tags goes on they do. The default is 10 min.
func WithMismatchTolerance(d time.Duration) Option {
	return consumerOption(func(c *config) { c.tolerance = d })
}

// WithLookInterval sets how often the brokers are asked about the group: who subscribes what,
// and how far it is behind. The default is 30 s; below 1 s is refused.
func WithLookInterval(d time.Duration) Option {
	return consumerOption(func(c *config) { c.look = d })
}

// WithoutPanicHandler leaves primitive.PanicHandler alone. The default sets it once for the
// process, chained to what was there: a panic in a goroutine of the official client is then
// logged, and Run returns it, where it would end the process.
func WithoutPanicHandler() Option { return consumerOption(func(c *config) { c.ownsPanics = false }) }

func (c *config) validate() error {
	var complaints []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			complaints = append(complaints, fmt.Errorf("consumer: option "+format, args...))
		}
	}
	outside := func(n, most int) bool { return n < 0 || n > most }
	complain(outside(c.push.Goroutines, 10_000), "WithConcurrency: give 1 to 10,000")
	complain(outside(c.push.PullMessages, 1024), "WithPullBatch: give 1 to 1,024")
	complain(outside(c.push.CachedMessages, 65_535), "WithMaxCached: messages: give 1 to 65,535")
	complain(outside(c.push.CachedMiB, 1024), "WithMaxCached: MiB: give 1 to 1,024")
	complain(c.push.FromLast && !c.push.FromTime.IsZero(), "FromLast and FromTime exclude each other: choose one")
	complain(c.drain < 0, "WithDrainTimeout is %v: give 0 or more", c.drain)
	complain(c.tolerance < 0, "WithMismatchTolerance is %v: give 0 or more", c.tolerance)
	complain(c.look < time.Second, "WithLookInterval is %v: give at least 1 s", c.look)
	return errors.Join(append(complaints, c.settings.validate())...)
}

// slots is how many messages a handler works on at once; 0 in order, where queues bound it.
func (c *config) slots() int {
	if c.push.Orderly {
		return 0
	}
	return cmp.Or(c.push.Goroutines, official.DefaultGoroutines)
}
