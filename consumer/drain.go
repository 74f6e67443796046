package consumer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// persistInterval is how often the official client tells brokers its offsets, and a little.
	persistInterval = 5500 * time.Millisecond

	// shutdownPatience bounds the wait for the official client's Shutdown, which no ctx does.
	shutdownPatience = 5 * time.Second
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
	unfinished := c.finish()
	c.acknowledged.persist(c.config.offsets)
	if err := c.shutdown(push); err != nil {
		return err
	}
	return unfinished
}

func (c *Consumer) finish() error {
	park := c.engine.park
	patient, cancel := context.WithTimeout(context.Background(), c.config.drain)
	defer cancel()
	if park.wait(patient) == nil {
		return nil
	}
	park.cut()
	last, cancel := context.WithTimeout(context.Background(), c.config.offsets)
	defer cancel()
	if err := park.wait(last); err != nil {
		return fmt.Errorf("consumer: group %q: %d handlers had not finished when Run returned: their messages are not acknowledged", c.group, park.active.Load())
	}
	return nil
}

// shutdown lets what is parked go only when the official client has dropped its queues:
// otherwise what it returns would count.
func (c *Consumer) shutdown(push pushed) error {
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
	case <-time.After(shutdownPatience):
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

// newest is when something was acknowledged last.
type newest struct{ unixNano atomic.Int64 }

func (n *newest) now() { n.unixNano.Store(time.Now().UnixNano()) }

// persist waits until the official client has persisted the newest acknowledgement, at most
// for so long. Shutdown persists too, but closes the connection at once, which may take the
// request along; what is lost then is delivered twice.
func (n *newest) persist(atMost time.Duration) {
	at := n.unixNano.Load()
	if at == 0 {
		return
	}
	time.Sleep(min(time.Until(time.Unix(0, at).Add(persistInterval)), atMost))
}
