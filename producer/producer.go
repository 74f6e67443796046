package producer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/official"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

const (
	scope        = "github.com/holdfast-mq/holdfast/producer"
	startTimeout = 20 * time.Second
	closeTimeout = 20 * time.Second
)

var (
	// ErrNotStarted is what a send before Start ends with: not stored.
	ErrNotStarted = errors.New("producer: not started: call Start first")

	// ErrClosed is what a send after Shutdown or Close ends with: not stored.
	ErrClosed = errors.New("producer: closed")

	// ErrStuck is what a send ends with, not stored, while as many attempts as WithMaxStuck
	// allows do not come back from the official client.
	ErrStuck = errors.New("producer: too many attempts are stuck in the official client: see whether the brokers still read")
)

// officialProducer is embedded because RequestAsync names an internal type of the official
// client and can only be promoted. Every other method is replaced.
type officialProducer = rocketmq.Producer

// Producer sends messages; see the package comment for what it promises. It is safe for
// concurrent use. Two producers of one process never share a connection.
type Producer struct {
	officialProducer

	cluster holdfast.Cluster
	config  config

	client    *remoting.Client
	routes    *send.Routes
	lookup    *send.Lookup
	acked     send.Acked
	ids       send.IDs
	brokers   brokers
	telemetry *telemetry.Producer

	room        room
	turn        atomic.Uint32
	stuck       atomic.Int64
	lanes       lanes
	lanesAtWork sync.WaitGroup
	leftBehind  sync.WaitGroup

	abandoned context.Context // ends when Close stops waiting
	abandon   context.CancelFunc

	starting   sync.Mutex   // one Start at a time
	mu         sync.RWMutex // held for reading while a send is accepted
	state      state
	stop       context.CancelFunc // ends what Start began
	background sync.WaitGroup

	down     chan struct{} // closed at the end of Close
	closeErr error
}

type state int

const (
	created state = iota
	running
	closed
)

var (
	_ rocketmq.Producer    = (*Producer)(nil)
	_ holdfast.BatchSender = (*Producer)(nil)
)

// New makes a producer of the group. It connects to nothing: call Start. The error lists
// every complaint about the cluster, the group and the options.
func New(c holdfast.Cluster, group string, opts ...Option) (*Producer, error) {
	cfg := defaults()
	for _, opt := range opts {
		opt(&cfg)
	}
	var badGroup error
	if err := checkTopic(group); err != nil {
		badGroup = fmt.Errorf("producer: group %q: use 1 to %d letters, digits, - and _", group, maxTopicLength)
	}
	if err := errors.Join(c.Validate(), badGroup, cfg.validate()); err != nil {
		return nil, err
	}

	p := &Producer{cluster: c, config: cfg, client: remoting.NewClient(c), down: make(chan struct{})}
	p.room = room{maxMessages: cfg.maxMessages, maxBytes: cfg.maxBytes}
	p.abandoned, p.abandon = context.WithCancel(context.Background())
	p.routes = send.NewRoutes(p.client, p.fixedQueues())
	p.lookup = &send.Lookup{Client: p.client, Refused: func(err error) {
		cfg.logger.Warn("brokers do not allow look-ups of messages: unknown outcomes cannot be cleared up", "group", group, "error", err)
	}}
	var err error
	if p.officialProducer, err = official.NewProducer(c, group, namedQueue{}, cfg.compressFrom); err != nil {
		return nil, fmt.Errorf("producer: %w", err)
	}
	p.telemetry, err = telemetry.NewProducer(cfg.telemetry, scope, holdfast.Version, official.ClientID(p.officialProducer), c.Namespace)
	if err != nil {
		return nil, fmt.Errorf("producer: %w", err)
	}
	return p, nil
}

// fixedQueues are those of WithQueues, under the topics' wire names.
func (p *Producer) fixedQueues() map[string][]remoting.Queue {
	fixed := map[string][]remoting.Queue{}
	for topic, queues := range p.config.queues {
		wire := p.cluster.Topic(topic)
		for _, q := range queues {
			q.Topic = wire
			fixed[wire] = append(fixed[wire], q)
		}
	}
	return fixed
}

// namedQueue is the official client's selector: lanes have chosen already.
type namedQueue struct{}

func (namedQueue) Select(msg *primitive.Message, _ []*primitive.MessageQueue, _ string) *primitive.MessageQueue {
	return msg.Queue
}

// Start makes the producer ready: it returns nil if a name server answers, the preflight
// passes if there is one, and the official client has started. Otherwise it returns why not,
// and can be called again. Started already, it returns nil; closed, ErrClosed. It takes at
// most 20 s, if the preflight obeys its ctx; meanwhile sends fail as before it.
func (p *Producer) Start() error {
	p.starting.Lock()
	defer p.starting.Unlock()
	switch p.now() {
	case running:
		return nil
	case closed:
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(p.abandoned, startTimeout)
	defer cancel()
	if err := p.reach(ctx); err != nil {
		return err
	}
	if check := p.config.preflight; check != nil {
		if err := check.Check(ctx, p.config.preflightTopics...); err != nil {
			return fmt.Errorf("producer: preflight: %w", err)
		}
	}
	return p.start()
}

func (p *Producer) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == closed {
		return ErrClosed
	}
	official.SetLogger(p.config.logger)
	if p.config.ownsPanics {
		official.WatchPanics()
	}
	if err := p.officialProducer.Start(); err != nil {
		return fmt.Errorf("producer: start the official client: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.background.Go(func() { p.routes.Run(ctx) })
	unregister := p.telemetry.Observe(func() int64 { return int64(p.InFlight()) }, p.stuck.Load)
	context.AfterFunc(ctx, unregister)
	p.state = running
	return nil
}

// reach returns nil if a name server answers, whatever it says.
func (p *Producer) reach(ctx context.Context) error {
	_, err := p.client.ClusterInfo(ctx)
	if refused := (*holdfast.BrokerError)(nil); err == nil || errors.As(err, &refused) {
		return nil
	}
	return fmt.Errorf("producer: no name server of %v answers: %w", p.cluster.NameServers, err)
}

// Shutdown is Close with 20 s.
func (p *Producer) Shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return p.Close(ctx)
}

// Close refuses new sends, waits for those in flight until ctx ends, and shuts the official
// client down. Nil means that every send has settled, attempts that were left behind included.
// Otherwise the error says how many messages or attempts were abandoned; their callers have
// been told what is known of each. A second call
// returns what the first does, or ctx's cause if that ends before.
func (p *Producer) Close(ctx context.Context) error {
	p.mu.Lock()
	was := p.state
	p.state = closed
	p.mu.Unlock()
	if was != closed {
		p.closeErr = p.close(ctx)
		close(p.down)
		return p.closeErr
	}
	select {
	case <-p.down:
		return p.closeErr
	case <-ctx.Done():
		return fmt.Errorf("producer: another Close is under way: %w", context.Cause(ctx))
	}
}

func (p *Producer) close(ctx context.Context) error {
	err := p.drain(ctx)
	p.abandon()
	p.lanes.abandon()
	p.lanes.retire()
	if p.stop != nil {
		p.stop()
	}
	if failure := p.officialProducer.Shutdown(); failure != nil {
		err = errors.Join(err, fmt.Errorf("producer: shut the official client down: %w", failure))
	}
	p.client.Close()
	p.routes.Close()
	p.background.Wait()
	if err == nil {
		p.lanesAtWork.Wait()
	}
	return err
}

// drain returns nil when nothing is in flight and nothing stuck any more.
func (p *Producer) drain(ctx context.Context) error {
	if cause := p.room.empty(ctx); cause != nil {
		return fmt.Errorf("producer: closed while %d messages were in flight: %w", p.InFlight(), cause)
	}
	back := make(chan struct{})
	go func() {
		p.leftBehind.Wait()
		close(back)
	}()
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("producer: closed while %d attempts are stuck in the official client: %w", p.stuck.Load(), context.Cause(ctx))
	}
}

// Healthy returns nil while the producer can be expected to send: it is started, every
// goroutine that the official client lives on is alive, and attempts come back from it. It is
// for readiness probes; a broker that cannot be reached does not make a producer unhealthy.
func (p *Producer) Healthy() error {
	if err := p.ready(); err != nil {
		return err
	}
	return official.Dead()
}

// InFlight is the number of messages that were accepted and have not settled.
func (p *Producer) InFlight() int { return p.room.inUse() }

// ready returns why a send must fail at once, nil if it need not.
func (p *Producer) ready() error {
	switch state := p.now(); {
	case state == created:
		return ErrNotStarted
	case state == closed:
		return ErrClosed
	case p.atStuckBound():
		return ErrStuck
	}
	return nil
}

func (p *Producer) atStuckBound() bool { return p.stuck.Load() >= int64(p.config.maxStuck) }

func (p *Producer) now() state {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.state
}
