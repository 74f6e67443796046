package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Cluster is a running name server and its brokers. Its methods are safe for concurrent use.
type Cluster struct {
	config   Config
	launcher Launcher
	ports    *portBlock
	client   *remoting.Client
	nodes    []*Node // the name server first, a slave after its master

	mu        sync.Mutex
	closed    bool
	launching sync.WaitGroup // guarded by mu as long as closed is false
	closeOnce sync.Once
	closeErr  error
}

// Start starts a cluster as Java processes and waits until it is ready, for 2 minutes at most
// and not longer than ctx; fetching the jars of a version for the first time comes before
// that, and only ctx bounds it. An error names what is missing, or has the last lines that
// the node which failed has printed, and nothing is left running. Close the cluster.
func Start(ctx context.Context, config Config) (*Cluster, error) {
	return StartWith(ctx, config, &processLauncher{})
}

// StartWith is Start with another way to run the nodes.
func StartWith(ctx context.Context, config Config, launcher Launcher) (*Cluster, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	if err := launcher.Prepare(ctx, config.Version); err != nil {
		return nil, err
	}
	ports, err := takePorts()
	if err != nil {
		return nil, err
	}
	specs, err := plan(config, ports)
	if err != nil {
		ports.release()
		return nil, err
	}
	c := newCluster(config, launcher, ports)
	if err := c.launch(ctx, specs); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func newCluster(config Config, launcher Launcher, ports *portBlock) *Cluster {
	c := &Cluster{config: config, launcher: launcher, ports: ports}
	c.client = remoting.NewClient(c.Holdfast())
	closeOnSignal(c)
	return c
}

// launch starts all nodes at once and waits until they are ready.
func (c *Cluster) launch(ctx context.Context, specs []Spec) error {
	for _, spec := range specs {
		c.nodes = append(c.nodes, &Node{cluster: c, spec: spec, state: running})
	}
	ctx, stop := context.WithTimeout(ctx, readyPatience)
	defer stop()
	var once sync.Once
	var first error
	_ = c.eachNode(func(n *Node) error {
		err := n.launch(ctx)
		if err == nil {
			err = n.awaitReady(ctx)
		}
		if err != nil {
			once.Do(func() { first = err })
			stop() // the others would wait for this one in vain
		}
		return nil
	})
	return first
}

func (c *Cluster) eachNode(f func(*Node) error) error {
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, n := range c.nodes {
		wg.Go(func() { errs[i] = f(n) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// Holdfast is the cluster as a client is told about it: the name server, and with ACL the
// account of an administrator.
func (c *Cluster) Holdfast() holdfast.Cluster {
	h := holdfast.Cluster{NameServers: []string{address(c.ports.nameServer())}}
	if c.config.ACL {
		h.AccessKey, h.SecretKey = adminAccessKey, adminSecretKey
	}
	return h
}

// Config is what the cluster was started with, the version filled in.
func (c *Cluster) Config() Config { return c.config }

// String names version and flavour.
func (c *Cluster) String() string {
	return fmt.Sprintf("RocketMQ %s, %s", c.config.Version, c.config.Flavour)
}

// Nodes are all nodes, the name server first and a slave after its master.
func (c *Cluster) Nodes() []*Node { return c.nodes }

// NameServer is the name server.
func (c *Cluster) NameServer() *Node { return c.nodes[0] }

// Master is the n-th master, from 0. It panics if the flavour has no such broker.
func (c *Cluster) Master(n int) *Node { return c.masters()[n] }

// Slave is the slave of a MasterSlave cluster, nil in other flavours.
func (c *Cluster) Slave() *Node {
	for _, n := range c.nodes {
		if n.isSlave() {
			return n
		}
	}
	return nil
}

func (c *Cluster) masters() []*Node {
	var masters []*Node
	for _, n := range c.nodes {
		if n.isMaster() {
			masters = append(masters, n)
		}
	}
	return masters
}

// Close kills every node, whatever its state, and removes all files. The second call and
// later ones return what the first did.
func (c *Cluster) Close() error {
	c.closeOnce.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		c.launching.Wait()
		c.closeErr = c.eachNode((*Node).remove)
		c.client.Close()
		c.ports.release()
		forget(c)
	})
	return c.closeErr
}

var errClosed = errors.New("the cluster is closed")

// whileOpen runs f, which starts something, unless the cluster is closed; Close waits for it
// and so finds what was started.
func (c *Cluster) whileOpen(f func() error) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return errClosed
	}
	c.launching.Add(1)
	c.mu.Unlock()
	defer c.launching.Done()
	return f()
}
