package lab

import (
	"context"
	"errors"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// call is a handler's call for one order.
type call struct {
	ctx     context.Context
	id      string
	number  int  // of the order among those of the topic
	isFirst bool // the consumer of this client was not called for the order before
	side    *side
	process *process
}

// finish is the effect. A dead process has none.
func (c *call) finish() { c.process.finish(c.id) }

var errFault = errors.New("the handler fails")

func failsOnce(c *call) error {
	if c.isFirst && c.number%failOneIn == 0 {
		return errFault
	}
	c.finish()
	return nil
}

// panicsOnce panics in the first process only: the raw client forgets such a message until it
// is restarted.
func panicsOnce(c *call) error {
	if c.isFirst && c.number%failOneIn == 0 && c.process.number == 0 {
		panic("the handler panics")
	}
	c.finish()
	return nil
}

func slowOnce(c *call) error {
	if c.isFirst && c.number%slowOneIn == 0 {
		time.Sleep(slowFor)
	}
	c.finish()
	return nil
}

// handsOff returns before the work is done.
func handsOff(c *call) error {
	c.process.background(c.ctx, func(ctx context.Context) error {
		if c.number >= c.side.unfinished {
			<-ctx.Done()
			return ctx.Err()
		}
		c.finish()
		return nil
	})
	return nil
}

// handler is what both clients' consumers call.
func (s *side) handler(p *process) holdfast.Handler {
	return func(ctx context.Context, msg *primitive.MessageExt) error {
		number, err := s.numberOf(msg.GetKeys())
		if err != nil {
			return holdfast.Reject(err)
		}
		id := s.orders[number].ID
		isFirst, done := s.effects.begin(id)
		defer done()
		return s.handle(&call{ctx: ctx, id: id, number: number, isFirst: isFirst, side: s, process: p})
	}
}
