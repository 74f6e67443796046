package consumer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/holdfast-mq/holdfast/internal/backoff"
	"github.com/holdfast-mq/holdfast/internal/official"
)

const (
	// While it drains the official client tells brokers its offsets that often, and for so long
	// after the last handler: an acknowledgement is taken note of only after its listener has
	// returned, and what was told needs the time to arrive.
	persistInterval = 250 * time.Millisecond
	persistLast     = time.Second
)

// drain ends what start began:
//
//	nothing new begins; what is delivered now is parked
//	what runs goes on, until the drain deadline, and a little longer with cancelled contexts
//	the official client persists the offsets of what was acknowledged
//	the official client is shut down: its queues are dropped
//	what was parked returns, to nobody
func (c *Consumer) drain(push pushed) error {
	c.engine.park.close()
	told := c.persist(push)
	ran := c.ran()
	last, cancel := context.WithTimeout(context.Background(), c.config.last)
	defer cancel()
	if !ran {
		ran = c.cut(last)
	}
	told(last)
	if err := c.shutdown(last, push); err != nil {
		return err
	}
	if !ran {
		return c.unfinished()
	}
	return nil
}

// drainUnstarted waits, as drain does, for what was delivered before a start that is left behind.
func (c *Consumer) drainUnstarted() error {
	c.engine.park.close()
	if c.ran() {
		return nil
	}
	last, cancel := context.WithTimeout(context.Background(), c.config.last)
	defer cancel()
	if c.cut(last) {
		return nil
	}
	return c.unfinished()
}

func (c *Consumer) unfinished() error {
	return fmt.Errorf("consumer: group %q: %d handlers had not finished when Run returned: their messages are not acknowledged", c.group, c.engine.park.active.Load())
}

// ran waits for what runs, until the drain deadline.
func (c *Consumer) ran() bool {
	patient, cancel := context.WithTimeout(context.Background(), c.config.drain)
	defer cancel()
	return c.engine.park.wait(patient) == nil
}

// cut cancels what runs and waits half of the time that is left for it to end.
func (c *Consumer) cut(last context.Context) bool {
	c.engine.park.cut()
	half, cancel := context.WithTimeout(last, c.config.last/2)
	defer cancel()
	return c.engine.park.wait(half) == nil
}

// shutdown lets what is parked go only when the official client has dropped its queues:
// otherwise what it returns would count. It leaves a Shutdown behind that does not return.
func (c *Consumer) shutdown(last context.Context, push pushed) error {
	down := make(chan error, 1)
	go func() {
		err := push.Shutdown()
		c.engine.park.release()
		down <- err
	}()
	select {
	case err := <-down:
		if err != nil {
			return fmt.Errorf("consumer: group %q: shut the official client down: %w", c.group, err)
		}
		return nil
	case <-last.Done():
		return fmt.Errorf("consumer: group %q: the official client's Shutdown has not returned: it is left running", c.group)
	}
}

func (c *Consumer) closeRetries() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := c.retries.Close(ctx); err != nil {
		c.config.logger.Warn("copies were still being stored when the consumer stopped: their messages are not acknowledged", "group", c.group, "error", err)
	}
}

// persist has the official client tell the brokers its offsets until the returned function is
// called, which waits for the last ones. The client would do so every 5 s. That is too seldom in
// a drain, which others join or leave at: for each queue that a rebalance takes from it, the
// client forgets the offsets of all others that it has not told yet, and now no acknowledgement
// comes that would remind it. Shutdown tells them too, but closes the connection at once, which
// may take the request along. What is not told is delivered twice.
func (c *Consumer) persist(push pushed) (told func(last context.Context)) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			official.PersistOffsets(push)
			_ = backoff.Sleep(ctx, persistInterval)
		}
	}()
	return func(last context.Context) {
		_ = backoff.Sleep(last, max(persistInterval, time.Until(c.acknowledged.at().Add(persistLast))))
		stop()
		select {
		case <-ended:
		case <-last.Done(): // a broker that does not read
		}
	}
}

// newest is when something was acknowledged last.
type newest struct{ unixNano atomic.Int64 }

func (n *newest) now() { n.unixNano.Store(time.Now().UnixNano()) }

func (n *newest) at() time.Time { return time.Unix(0, n.unixNano.Load()) }
