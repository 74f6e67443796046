package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
)

// process stands for a process that has one consumer in it. When it ends, whatever it was
// doing comes to nothing.
type process struct {
	number  int // from 0
	effects *effects
	member  member

	mu     sync.Mutex
	isDead bool
	life   context.Context
	end    context.CancelFunc
}

// member is a running consumer of one of the clients.
type member interface {
	// background has f done beside the handler that ctx is of, as users of the client do.
	background(ctx context.Context, f func(context.Context) error)

	// close ends it in order, as the client does.
	close() error
}

func newProcess(number int, effects *effects) *process {
	p := &process{number: number, effects: effects}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// finish is one order's effect, if the process lives to see it.
func (p *process) finish(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.isDead {
		p.effects.add(id)
	}
}

func (p *process) background(ctx context.Context, f func(context.Context) error) {
	p.member.background(ctx, f)
}

// die has no effect come about any more.
func (p *process) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isDead = true
}

// exit closes the consumer, and ends what it has left behind.
func (p *process) exit() error {
	defer p.end()
	defer p.die()
	return p.member.close()
}

// rawMember is the official push consumer used as its own examples use it.
type rawMember struct {
	consumer rocketmq.PushConsumer
	life     context.Context
}

func startRaw(_ context.Context, s *side, p *process) error {
	options := []mqconsumer.Option{
		mqconsumer.WithNsResolver(primitive.NewPassthroughResolver(s.site.cluster().NameServers)),
		mqconsumer.WithGroupName(s.group()),
		mqconsumer.WithConsumerModel(mqconsumer.Clustering),
		mqconsumer.WithConsumeFromWhere(mqconsumer.ConsumeFromFirstOffset),
		mqconsumer.WithConsumerOrder(s.orderly),
		// The examples have one consumer in a process.
		mqconsumer.WithInstance(fmt.Sprintf("%s-%d", s.group(), p.number)),
	}
	if s.expiry > 0 {
		options = append(options, mqconsumer.WithConsumeTimeout(s.expiry))
	}
	c, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return err
	}
	handle := s.handler(p)
	listen := func(ctx context.Context, msgs ...*primitive.MessageExt) (mqconsumer.ConsumeResult, error) {
		for _, msg := range msgs {
			if err := handle(ctx, msg); err != nil {
				return mqconsumer.ConsumeRetryLater, nil
			}
		}
		return mqconsumer.ConsumeSuccess, nil
	}
	if err := c.Subscribe(s.topic(), mqconsumer.MessageSelector{}, listen); err != nil {
		return err
	}
	p.member = &rawMember{c, p.life}
	return c.Start()
}

func (r *rawMember) background(_ context.Context, f func(context.Context) error) {
	go func() { _ = f(r.life) }()
}

func (r *rawMember) close() error { return r.consumer.Shutdown() }

const (
	firstPause   = 250 * time.Millisecond
	longestPause = 5 * time.Second
)

// heldMember is holdfast's consumer.
type heldMember struct {
	stop  context.CancelFunc
	ended chan error
}

func startHeld(ctx context.Context, s *side, p *process) error {
	options := []consumer.Option{
		consumer.WithLogger(slog.New(slog.DiscardHandler)),
		consumer.WithBackoff(firstPause, longestPause), // the default's pauses are for longer faults
	}
	if s.orderly {
		options = append(options, consumer.InOrder())
	}
	if s.isCut {
		options = append(options, consumer.WithDrainTimeout(0))
	}
	c, err := consumer.New(s.site.cluster(), s.group(), options...)
	if err != nil {
		return err
	}
	if err := c.Handle(s.topic(), "*", s.handler(p)); err != nil {
		return err
	}
	run, stop := context.WithCancel(context.Background())
	m := &heldMember{stop, make(chan error, 1)}
	p.member = m
	go func() { m.ended <- c.Run(run) }()
	if err := poll(ctx, startPatience, func() (bool, error) { return c.Healthy() == nil, nil }); err != nil {
		return errors.Join(err, m.close())
	}
	return nil
}

func (h *heldMember) background(ctx context.Context, f func(context.Context) error) {
	holdfast.Go(ctx, f)
}

func (h *heldMember) close() error {
	h.stop()
	return <-h.ended
}
