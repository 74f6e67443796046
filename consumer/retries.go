package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/backoff"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
)

const (
	defaultMaxReconsumeTimes = 16
	defaultCopyTimeout       = 6 * time.Second
	defaultCopyAttempts      = 3
	longestDelayLevel        = 18
)

var (
	// ErrRetriesClosed is what a copy after Close ends with: not stored.
	ErrRetriesClosed = errors.New("consumer: retries: closed")

	// ErrOrderLocks is why a copy to be tried again was refused: some member of the group holds
	// queue locks, because it consumes in order, and the broker would have made a dead letter of
	// the copy. Nothing was stored. The locks are gone 60 s after the last member that consumes
	// in order has left; until then the copy can only be tried again. Brokers before 5.0 do not
	// refuse: they make the dead letter.
	ErrOrderLocks = errors.New("consumer: retries: a member of the group consumes in order and holds queue locks: stop it, and wait for 60 s")
)

// Retries stores copies of messages: in the retry topic of a consumer group, where any member
// gets them after a delay, and among its dead letters. Where the official client asks the
// broker to do that, does not read the answer and has nothing flushed, this is an ordinary
// send: a nil error means SEND_OK.
//
// A copy has the identity (UNIQ_KEY), tags, keys and user properties of its message, and what
// other clients of the group expect of a retry. What belongs to how the message was sent, such
// as TRAN_MSG of a transaction, is left out.
//
// Retries has nothing to start: it connects when the first copy is stored. Close it. It is
// safe for concurrent use; copies do not wait for each other.
type Retries struct {
	cluster holdfast.Cluster
	group   string
	config  retriesConfig

	client  *remoting.Client
	masters masters
	lookup  *send.Lookup
	acked   send.Acked

	versions sync.Map // whether the broker at an address knows times of delivery

	mu       sync.Mutex
	closed   bool
	inFlight int
	idle     chan struct{} // closed when Close waits and nothing is in flight
	down     chan struct{} // closed at the end of Close
	closeErr error
}

var _ copies = (*Retries)(nil)

// RetriesOption changes a default of NewRetries. A bad value is an error of NewRetries.
type RetriesOption func(*retriesConfig)

type retriesConfig struct {
	maxReconsume int
	attempts     int
	timeout      time.Duration
	backoff      backoff.Policy
}

// WithMaxReconsumeTimes is how often a message can be stored to be tried again. One more goes
// to the dead letters instead. The default is 16, as in the official clients, which makes 17
// runs; values below 0 are an error.
func WithMaxReconsumeTimes(n int) RetriesOption {
	return func(c *retriesConfig) { c.maxReconsume = n }
}

// WithCopyAttempts bounds how often one call tries to store its copy. The default is 3; values
// below 1 are an error.
func WithCopyAttempts(n int) RetriesOption { return func(c *retriesConfig) { c.attempts = n } }

// WithCopyTimeout bounds the wait for the answer to one attempt. The default is 6 s, which is
// above the brokers' default for a flush, 5 s; values that are not positive are an error.
func WithCopyTimeout(d time.Duration) RetriesOption { return func(c *retriesConfig) { c.timeout = d } }

// NewRetries makes the Retries of a consumer group, under the group's bare name: that of the
// consumers whose messages are stored. It connects to nothing. The error lists every complaint.
func NewRetries(c holdfast.Cluster, group string, opts ...RetriesOption) (*Retries, error) {
	config := retriesConfig{
		maxReconsume: defaultMaxReconsumeTimes, attempts: defaultCopyAttempts, timeout: defaultCopyTimeout,
		backoff: backoff.Policy{Base: 50 * time.Millisecond, Max: time.Second},
	}
	for _, opt := range opts {
		opt(&config)
	}
	if err := errors.Join(c.Validate(), checkRetriesGroup(c, group), config.validate()); err != nil {
		return nil, err
	}
	client := remoting.NewClient(c)
	return &Retries{
		cluster: c, group: group, config: config, client: client,
		masters: masters{client: client}, lookup: &send.Lookup{Client: client}, down: make(chan struct{}),
	}, nil
}

func (c *retriesConfig) validate() error {
	var complaints []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			complaints = append(complaints, fmt.Errorf("consumer: retries: "+format, args...))
		}
	}
	complain(c.maxReconsume < 0, "WithMaxReconsumeTimes(%d): use 0 or more", c.maxReconsume)
	complain(c.attempts < 1, "WithCopyAttempts(%d): use 1 or more", c.attempts)
	complain(c.timeout <= 0, "WithCopyTimeout(%v): use more than 0", c.timeout)
	return errors.Join(complaints...)
}

// maxGroupLength leaves room in the 127 bytes that brokers of any version give a topic.
const maxGroupLength = 120

func checkRetriesGroup(c holdfast.Cluster, group string) error {
	bad := strings.ContainsFunc(group, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
	if group == "" || bad || len(c.Topic(group)) > maxGroupLength {
		return fmt.Errorf("consumer: retries: group %q: use 1 to %d letters, digits, - and _, with the namespace", group, maxGroupLength)
	}
	return nil
}

// MaxReconsumeTimes is the limit of WithMaxReconsumeTimes.
func (r *Retries) MaxReconsumeTimes() int { return r.config.maxReconsume }

// Retry stores a copy of msg to be tried again after the delay of a level, 1 to 18 (by default
// 1 s to 2 h), counted as one more attempt; past WithMaxReconsumeTimes among the dead letters
// instead. attempt is the number of attempts made so far, for people; below 1 it is left out.
// reason may be nil.
//
// A nil error means SEND_OK. Any other means that msg must not be acknowledged:
// errors.Is(err, holdfast.ErrOutcomeUnknown) if a copy may be stored, ErrOrderLocks if the
// group consumes in order. It returns soon after ctx ends. msg is what the official client
// handed over; it is only read.
func (r *Retries) Retry(ctx context.Context, msg *primitive.MessageExt, level, attempt int, reason error) error {
	return r.store(ctx, msg, again, level, attempt, reason)
}

// Later stores a copy of msg that comes back after the delay of a level as Retry's does, with
// its count unchanged, however high that is. The errors are Retry's.
func (r *Retries) Later(ctx context.Context, msg *primitive.MessageExt, level int, reason error) error {
	return r.store(ctx, msg, later, level, 0, reason)
}

// DeadLetter stores a copy of msg among the group's dead letters, in %DLQ% and the group's
// name, whatever its count. The errors are Retry's.
func (r *Retries) DeadLetter(ctx context.Context, msg *primitive.MessageExt, reason error) error {
	return r.store(ctx, msg, dead, 0, int(msg.ReconsumeTimes)+1, reason)
}

// Close refuses further copies, waits for those in flight until ctx ends, and closes the
// connections. Nil means that every copy has settled. A second call waits for the first, or
// for its own ctx.
func (r *Retries) Close(ctx context.Context) error {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	if first {
		r.idle = make(chan struct{})
		if r.inFlight == 0 {
			close(r.idle)
		}
	}
	r.mu.Unlock()
	if !first {
		select {
		case <-r.down:
			return r.closeErr
		case <-ctx.Done():
			return fmt.Errorf("consumer: retries: another Close is under way: %w", context.Cause(ctx))
		}
	}
	select {
	case <-r.idle:
	case <-ctx.Done():
		r.mu.Lock()
		if r.inFlight > 0 {
			r.closeErr = fmt.Errorf("consumer: retries: closed while %d copies were in flight: %w", r.inFlight, context.Cause(ctx))
		}
		r.mu.Unlock()
	}
	r.client.Close()
	close(r.down)
	return r.closeErr
}

func (r *Retries) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrRetriesClosed
	}
	r.inFlight++
	return nil
}

func (r *Retries) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	if r.closed && r.inFlight == 0 {
		close(r.idle)
	}
}
