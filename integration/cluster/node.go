package cluster

import (
	"context"
	"fmt"
	"sync"
)

// Node is one name server or broker. Its methods are safe for concurrent use; those that
// change its state go one after the other.
type Node struct {
	cluster *Cluster
	spec    Spec

	change  sync.Mutex // held while the state changes, which can take seconds
	mu      sync.Mutex
	process Process // nil until launched
	exited  <-chan struct{}
	state   state // what it is meant to be, and is unless it has crashed
}

type state int

const (
	down state = iota
	running
	paused
)

// Name is "name server", the name of a master, or that of a slave's master with "-slave".
func (n *Node) Name() string { return n.spec.Name }

// Address is host:port, the same for as long as the cluster lives.
func (n *Node) Address() string { return address(n.spec.Port) }

func (n *Node) isMaster() bool { return n.spec.Kind == Broker && n.spec.BrokerID == masterID }
func (n *Node) isSlave() bool  { return n.spec.Kind == Broker && n.spec.BrokerID != masterID }

// master is a slave's master.
func (n *Node) master() *Node {
	for _, m := range n.cluster.masters() {
		if m.spec.Broker == n.spec.Broker {
			return m
		}
	}
	return nil
}

func (n *Node) is(s state) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state == s
}

func (n *Node) set(s state) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = s
}

func (n *Node) launched() Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process
}

// lastRun is closed when the run that was started last has ended.
func (n *Node) lastRun() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.exited
}

func (n *Node) launch(ctx context.Context) error {
	return n.cluster.whileOpen(func() error {
		p, err := n.cluster.launcher.Launch(ctx, n.spec)
		if err != nil {
			return err
		}
		n.mu.Lock()
		n.process, n.exited = p, p.Exited()
		n.mu.Unlock()
		return nil
	})
}

// changing runs f while nothing else changes the node's state.
func (n *Node) changing(f func(Process) error) error {
	n.change.Lock()
	defer n.change.Unlock()
	p := n.launched()
	if p == nil {
		return fmt.Errorf("cluster: %s: it was never started", n.Name())
	}
	return f(p)
}

// Kill ends the node as kill -9 does and returns when it is gone. What the operating system
// has of its store stays. A node that is down stays down.
func (n *Node) Kill() error {
	return n.changing(func(p Process) error {
		n.set(down) // before it is: nobody may take its end for a crash
		return p.Kill()
	})
}

// Stop shuts the node down in order and returns when it is gone; a broker takes 10 s and
// more. A paused node is resumed for it. On an error, ctx's end included, the node may still
// be running: Kill it.
func (n *Node) Stop(ctx context.Context) error {
	return n.changing(func(p Process) error { return n.stop(ctx, p) })
}

func (n *Node) stop(ctx context.Context, p Process) error {
	if n.is(paused) {
		if err := p.Resume(); err != nil {
			return err
		}
	}
	if n.is(down) {
		return nil
	}
	n.set(down)
	return p.Stop(ctx)
}

// Pause makes the node stand still, as SIGSTOP does: its connections stay open and nothing is
// answered. Nothing happens to a node that is down or paused.
func (n *Node) Pause() error {
	return n.changing(func(p Process) error {
		if !n.is(running) {
			return nil
		}
		n.set(paused)
		return p.Pause()
	})
}

// Resume lets a paused node go on; to any other nothing happens. It does not wait for
// anything.
func (n *Node) Resume() error {
	return n.changing(func(p Process) error {
		if !n.is(paused) {
			return nil
		}
		if err := p.Resume(); err != nil {
			return err
		}
		n.set(running)
		return nil
	})
}

// Restart starts the node again in place, on the same port and with the store it left, and
// returns when it is ready: routes through the name server include it, and a probe message
// was answered SEND_OK (by its master, for a slave). Without its slave running, a master is
// ready when it stores the probe. A node that runs is stopped in order first. On error it may
// be running or not; the error has the last lines it printed.
func (n *Node) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	err := n.changing(func(p Process) error {
		if err := n.stop(ctx, p); err != nil {
			return err
		}
		return n.cluster.whileOpen(func() error {
			if err := p.Start(ctx); err != nil {
				return err
			}
			n.mu.Lock()
			n.exited, n.state = p.Exited(), running
			n.mu.Unlock()
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("cluster: %s: restart: %w", n.Name(), err)
	}
	return n.awaitReady(ctx)
}

// Log is what the node has printed, over all its runs.
func (n *Node) Log() string {
	if p := n.launched(); p != nil {
		return p.Log()
	}
	return ""
}

func (n *Node) remove() error {
	n.change.Lock()
	defer n.change.Unlock()
	n.set(down)
	if p := n.launched(); p != nil {
		return p.Remove()
	}
	return nil
}
