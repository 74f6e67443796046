package lab

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	retryPrefix = "%RETRY%"
	deadPrefix  = "%DLQ%"

	startPatience  = 20 * time.Second
	plotPatience   = 30 * time.Second // for each thing that is to happen
	settlePatience = time.Minute      // a killed broker hears of its consumers again after 30 s

	// calm is longer than a message waits to be tried again.
	calm     = 3 * time.Second
	pollWait = 100 * time.Millisecond
)

// side is one client's consumer in a consumption.
type side struct {
	consumption
	client  int
	orders  []order
	feeder  client
	reader  *remoting.Client
	effects *effects

	// unfinished is the number of the first order whose work does not come to an end while its
	// process lives. It changes only while there is no process.
	unfinished int

	process   *process // nil before the first
	processes int
}

func newSide(c consumption, of, orders int, feeder client, reader *remoting.Client) *side {
	return &side{
		consumption: c, client: of, feeder: feeder, reader: reader, effects: newEffects(),
		orders: newOrders(c.name, orders), unfinished: orders,
	}
}

func (s *side) topic() string { return "losslab-" + s.name + "-" + clientNames[s.client] }
func (s *side) group() string { return "losslab-" + s.name + "-" + clientNames[s.client] }

// prepare creates the topic, and that for retries: the official client looks for it once in
// 30 s.
func (s *side) prepare(ctx context.Context) error {
	for _, topic := range []string{s.topic(), retryPrefix + s.group()} {
		if err := s.site.createTopic(ctx, topic); err != nil {
			return err
		}
	}
	return nil
}

// run has happen what is to happen, and returns when nothing more does.
func (s *side) run(ctx context.Context) (err error) {
	defer func() {
		if ended := s.end(); err == nil {
			err = ended
		}
	}()
	if err := s.after.wait(ctx); err != nil {
		return err
	}
	if err := s.plot(ctx, s); err != nil {
		return err
	}
	return s.settle(ctx)
}

// feed stores the orders from..to.
func (s *side) feed(ctx context.Context, from, to int) error {
	said := make([]said, len(s.orders))
	var wg sync.WaitGroup
	for i := from; i < to; i++ {
		wg.Go(func() { said[i] = s.feeder.send(ctx, s.orders[i].message(s.topic())) })
	}
	wg.Wait()
	for i := from; i < to; i++ {
		if said[i] != acknowledged {
			return fmt.Errorf("order %s could not be stored for the consumer", s.orders[i].ID)
		}
	}
	return nil
}

// start starts a process.
func (s *side) start(ctx context.Context) error {
	start := [clientCount]func(context.Context, *side, *process) error{rawClient: startRaw, heldClient: startHeld}
	p := newProcess(s.processes, s.effects)
	s.processes++
	if err := start[s.client](ctx, s, p); err != nil {
		return fmt.Errorf("start the %s consumer: %w", clientNames[s.client], err)
	}
	s.process = p
	return nil
}

// end ends the process, if there is one.
func (s *side) end() error {
	if s.process == nil {
		return nil
	}
	p := s.process
	s.process = nil
	if err := p.exit(); err != nil {
		return fmt.Errorf("close the %s consumer: %w", clientNames[s.client], err)
	}
	return nil
}

// await polls until it happens.
func (s *side) await(ctx context.Context, happened func() (bool, error)) error {
	return poll(ctx, plotPatience, happened)
}

// settle waits until nothing happens any more and the broker has been told of everything that
// has. What has not come by its end is seen when the orders are judged.
func (s *side) settle(ctx context.Context) error {
	s.effects.wake()
	err := poll(ctx, settlePatience, func() (bool, error) {
		switch idle := s.effects.idle(); {
		case idle < calm:
			return false, nil
		case s.client == rawClient && idle > s.silence:
			return true, nil
		default:
			return s.caughtUp(ctx)
		}
	})
	if errors.Is(err, errPatience) {
		return nil
	}
	return err
}

// caughtUp says whether the group has committed everything there is.
func (s *side) caughtUp(ctx context.Context) (bool, error) {
	for _, topic := range []string{s.topic(), retryPrefix + s.group()} {
		offsets, err := s.offsets(ctx, topic)
		if err != nil {
			return false, err
		}
		for _, offset := range offsets {
			if offset.Consumer < offset.Broker {
				return false, nil
			}
		}
	}
	return true, nil
}

// numberOf is the number of an order of this side.
func (s *side) numberOf(id string) (int, error) {
	number, err := strconv.Atoi(strings.TrimPrefix(id, s.name+"-"))
	if err != nil || number < 0 || number >= len(s.orders) || s.orders[number].ID != id {
		return 0, fmt.Errorf("%q is none of the orders", id)
	}
	return number, nil
}

var errPatience = errors.New("it has not happened in time")

// poll calls happened until it says so, for patience at most.
func poll(ctx context.Context, patience time.Duration, happened func() (bool, error)) error {
	for deadline := time.Now().Add(patience); ; {
		if yes, err := happened(); err != nil || yes {
			return err
		}
		if time.Now().After(deadline) {
			return errPatience
		}
		if err := wait(ctx, pollWait); err != nil {
			return err
		}
	}
}
