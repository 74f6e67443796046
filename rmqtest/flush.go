package rmqtest

import (
	"strings"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	flushTimeout = 5 * time.Second // syncFlushTimeout
	slaveTimeout = 3 * time.Second
)

// Flush flushes what is stored, unless the flush is stalled. Without WithAsyncFlush brokers
// do that by themselves.
func (b *Broker) Flush() {
	s := b.store
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.flushStalled {
		s.flushed = s.end
		s.wake()
	}
}

// StallFlush makes the disk hang: with SYNC_FLUSH sends are answered FLUSH_DISK_TIMEOUT after
// syncFlushTimeout (5 s, scaled), though their messages are stored, found and consumed, and
// lost by PowerFailure. It lasts until ResumeFlush or PowerFailure.
func (b *Broker) StallFlush() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.flushStalled = true
}

// ResumeFlush ends StallFlush: with SYNC_FLUSH everything is flushed, and sends that still
// wait are answered.
func (b *Broker) ResumeFlush() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.flushStalled = false
	b.store.advance()
}

// LoseSlave stops the slave of WithInSyncReplicas(2): sends are answered FLUSH_SLAVE_TIMEOUT
// after slaveTimeout (3 s, scaled), though their messages are stored. It lasts until
// RestoreSlave. Without a slave it does nothing.
func (b *Broker) LoseSlave() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.slaveLost = true
}

// RestoreSlave ends LoseSlave: the slave catches up, and sends that still wait are answered.
func (b *Broker) RestoreSlave() {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	b.store.slaveLost = false
	b.store.advance()
}

// waits says whether the sender of m is made to wait for flush and slave.
func (m *stored) waits() bool {
	wait, ok := m.Properties[propertyWait]
	return !ok || strings.EqualFold(wait, "true")
}

// durable says what is still missing of m, and when to ask again.
func (s *store) durable(m *stored) (flushed, replicated bool, moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	flushed = s.asyncFlush || s.flushed >= m.end
	replicated = s.replicas < 2 || s.replicated >= m.end
	if flushed && replicated {
		return true, true, nil
	}
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	return flushed, replicated, s.moved
}

// whenDurable calls done with SUCCESS once m is as durable as it has to be, or with what it
// failed to be in time; not at all if the connection ends before.
func (b *Broker) whenDurable(c *call, m *stored, done func(code int)) {
	if !m.waits() {
		done(remoting.Success)
		return
	}
	if flushed, replicated, _ := b.store.durable(m); flushed && replicated {
		done(remoting.Success)
		return
	}
	c.later(func() { b.awaitDurable(c, m, done) })
}

func (b *Broker) awaitDurable(c *call, m *stored, done func(code int)) {
	flushTimer := time.NewTimer(b.options.scaled(flushTimeout))
	defer flushTimer.Stop()
	slaveTimer := time.NewTimer(b.options.scaled(slaveTimeout))
	defer slaveTimer.Stop()
	var flushLate, slaveLate bool
	for {
		flushed, replicated, moved := b.store.durable(m)
		if (flushed || flushLate) && (replicated || slaveLate) {
			// Where both fail the slave's status has the last word.
			switch {
			case !replicated:
				done(remoting.FlushSlaveTimeout)
			case !flushed:
				done(remoting.FlushDiskTimeout)
			default:
				done(remoting.Success)
			}
			return
		}
		select {
		case <-moved:
		case <-flushTimer.C:
			flushLate = true
		case <-slaveTimer.C:
			slaveLate = true
		case <-c.ctx.Done():
			return
		}
	}
}
