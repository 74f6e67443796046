package consumer

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/official"
)

// Consumer consumes the topics that handlers were given for, as one member of a group. See the
// package comment for what it promises. Two consumers of one process share no connection.
type Consumer struct {
	cluster holdfast.Cluster
	group   string // bare
	config  config

	engine       *engine
	retries      *Retries
	acknowledged newest

	mu         sync.Mutex
	state      state
	handlers   handlers
	middleware []holdfast.Middleware
	complaints []error // of Handle and Use
	notYet     error   // why it has not started, while Run tries
	watch      *watch
}

type state int

const (
	created state = iota
	starting
	running
	ended
)

// ErrNotRunning is what Healthy returns before Run and after it.
var ErrNotRunning = errors.New("consumer: not running")

// New makes a consumer of the group. It connects to nothing: give it handlers, then call Run.
// The error lists every complaint about the cluster, the group and the options.
//
// It stores retry and dead-letter copies with Retries of its own, whose options can be given
// here too.
func New(c holdfast.Cluster, group string, opts ...Option) (*Consumer, error) {
	cfg := defaultConfig()
	for _, opt := range opts {
		opt.applyToConsumer(&cfg)
	}
	own := []RetriesOption{}
	if cfg.maxAttempts > 0 {
		own = append(own, WithMaxReconsumeTimes(cfg.maxAttempts))
	}
	retries, err := NewRetries(c, group, append(own, cfg.retries...)...)
	if err := errors.Join(err, cfg.validate(), checkOfficial(c, group)); err != nil {
		return nil, err
	}
	cfg.copies = retries
	consumer := &Consumer{cluster: c, group: group, config: cfg, retries: retries}
	if consumer.engine, err = newEngine(cfg.settings, c.Namespace, consumer.route); err != nil {
		return nil, fmt.Errorf("consumer: %w", err)
	}
	return consumer, nil
}

// checkOfficial refuses what the official client would refuse at its start, where it cannot be
// told from what may change.
func checkOfficial(c holdfast.Cluster, group string) error {
	if group == "DEFAULT_CONSUMER" {
		return errors.New("consumer: group DEFAULT_CONSUMER is the official client's own: name another")
	}
	if strings.Contains(c.Namespace, ".") {
		return fmt.Errorf("consumer: cluster: Namespace %q has a dot, which the official client's consumers refuse: use letters, digits, - and _", c.Namespace)
	}
	return nil
}

// Healthy returns nil while the consumer can be expected to consume: Run has started it, every
// goroutine that the official client lives on is alive, and the members of its group agree on
// what they subscribe, or have disagreed for less than WithMismatchTolerance. It is for
// readiness probes; a broker that cannot be reached, or a handler that pauses, does not make a
// consumer unhealthy.
func (c *Consumer) Healthy() error {
	c.mu.Lock()
	state, notYet, watch := c.state, c.notYet, c.watch
	c.mu.Unlock()
	switch {
	case state == starting && notYet != nil:
		return fmt.Errorf("%w: %w", ErrNotRunning, notYet)
	case state != running:
		return ErrNotRunning
	}
	if err := official.Dead(); err != nil {
		return err
	}
	if mismatches, since := watch.lasting(); len(mismatches) > 0 && time.Since(since) > c.config.tolerance {
		return fmt.Errorf("consumer: group %q: members subscribe differently since %s: %v: give all the same topics and tags", c.group, since.Format(time.RFC3339), mismatches)
	}
	return nil
}

// enter begins Run, which works once.
func (c *Consumer) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != created {
		return errors.New("consumer: Run was called before: make another consumer")
	}
	if err := errors.Join(c.complaints...); err != nil {
		return err
	}
	if len(c.handlers) == 0 {
		return fmt.Errorf("consumer: group %q: no handlers: call Handle before Run", c.group)
	}
	c.handlers.finish(c.middleware, &c.config.settings, c.config.slots())
	c.state = starting
	return nil
}

func (c *Consumer) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = ended
}

// report logs why the consumer has not started, once for each reason, and keeps it for Healthy.
func (c *Consumer) report(err error) {
	c.mu.Lock()
	known := c.notYet
	c.notYet = err
	c.mu.Unlock()
	if known == nil || known.Error() != err.Error() {
		c.config.logger.Error("the consumer cannot start yet, and goes on trying", "group", c.group, "error", err)
	}
}

// pushed is the official client's consumer, while there is one.
type pushed interface {
	Shutdown() error
}
