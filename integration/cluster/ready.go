package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	// readyPatience bounds a start or restart; with nothing else to do a broker is ready
	// after 2 to 8 s.
	readyPatience = 2 * time.Minute

	// callPatience bounds one request of a cluster's own to a node, which may be dying.
	callPatience = 10 * time.Second

	pollInterval     = 50 * time.Millisecond // at first
	slowPollInterval = 300 * time.Millisecond
	logLinesShown    = 30

	// probeTopic takes the probe messages of every broker. Its first character keeps it apart
	// from the topics of tests.
	probeTopic = "_holdfast_probe"

	// defaultTopic is the one that topics are created after when they are first sent to; a
	// route for it is what lets a producer use a topic that nobody has created.
	defaultTopic = "TBW102"
)

// awaitReady polls until the node is ready, has exited, or ctx ends.
func (n *Node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	exited := n.lastRun()
	go func() {
		select {
		case <-exited:
			cancel(errors.New("it has exited"))
		case <-ctx.Done():
		}
	}()
	for interval := pollInterval; ; interval = min(2*interval, slowPollInterval) {
		err := n.ready(ctx)
		if err == nil {
			return nil
		}
		if ended := wait(ctx, interval); ended != nil {
			return fmt.Errorf("cluster: %s is not ready: %w; last seen: %w; it printed last:\n%s",
				n.Name(), ended, err, lastLines(n.Log(), logLinesShown))
		}
	}
}

// ready says what the node still lacks, once.
func (n *Node) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	switch {
	case n.isMaster():
		return n.masterReady(ctx)
	case n.isSlave():
		return n.slaveReady(ctx)
	default:
		return n.nameServerReady(ctx)
	}
}

// nameServerReady wants every running broker registered, and the masters routed to.
func (n *Node) nameServerReady(ctx context.Context) error {
	for _, b := range n.cluster.nodes {
		if b.spec.Kind != Broker || !b.is(running) {
			continue
		}
		if err := b.registered(ctx); err != nil {
			return err
		}
		if b.isMaster() {
			if err := b.routed(ctx); err != nil {
				return err
			}
		}
	}
	_, err := n.cluster.client.ClusterInfo(ctx)
	return err
}

func (n *Node) masterReady(ctx context.Context) error {
	if err := n.createTopic(ctx, probeTopic, 1); err != nil {
		return err
	}
	if n.cluster.NameServer().is(running) {
		if err := n.registered(ctx); err != nil {
			return err
		}
		if err := n.routed(ctx); err != nil {
			return err
		}
	}
	if err := n.probe(ctx); err != nil {
		return err
	}
	return n.runtimeInfo(ctx)
}

// runtimeInfo wants the broker's figures: in its first second a broker has none and answers
// with an error, which would be one more thing for every reader of them to wait for.
func (n *Node) runtimeInfo(ctx context.Context) error {
	_, err := n.cluster.client.RuntimeInfo(ctx, n.Address())
	return err
}

func (n *Node) slaveReady(ctx context.Context) error {
	if n.cluster.NameServer().is(running) {
		if err := n.registered(ctx); err != nil {
			return err
		}
	}
	if m := n.master(); m.is(running) {
		if err := m.probe(ctx); err != nil {
			// It learns where its master takes connections when it registers after the master.
			return errors.Join(err, n.register(ctx))
		}
	}
	return n.runtimeInfo(ctx)
}

// registered wants the name server to know the broker.
func (n *Node) registered(ctx context.Context) error {
	info, err := n.cluster.client.ClusterInfo(ctx)
	if err != nil {
		return err
	}
	if info.Brokers[n.spec.Broker].Addresses[n.spec.BrokerID] != n.Address() {
		return errors.Join(fmt.Errorf("the name server does not know %s", n.Name()), n.register(ctx))
	}
	return nil
}

// routed wants the routes of the probe topic, and of the topic that others are created after,
// to include the master.
func (n *Node) routed(ctx context.Context) error {
	topics := []string{probeTopic}
	if n.spec.Config["autoCreateTopicEnable"] == "true" {
		topics = append(topics, defaultTopic)
	}
	for _, topic := range topics {
		route, err := n.cluster.client.Route(ctx, topic)
		if err == nil && route.Master(n.spec.Broker) == n.Address() {
			continue
		}
		if err == nil || errors.Is(err, &holdfast.BrokerError{Code: remoting.TopicNotExist}) {
			err = errors.Join(fmt.Errorf("the route of %s does not include %s", topic, n.Name()), n.register(ctx))
		}
		return err
	}
	return nil
}

// register makes the broker register with all its topics now. By itself it does so every
// 10 s, and before that at most with what has changed; setting its permission, to what it is,
// has it done at once.
func (n *Node) register(ctx context.Context) error {
	permission := n.spec.Config["brokerPermission"]
	if permission == "" {
		permission = "6"
	}
	return n.cluster.client.UpdateBrokerConfig(ctx, n.Address(), map[string]string{"brokerPermission": permission})
}

// probe sends one message to the master and wants SEND_OK, or one of the answers that mean
// stored if it has a slave that is not running.
func (n *Node) probe(ctx context.Context) error {
	stored := []int{remoting.Success}
	if slave := n.cluster.Slave(); slave != nil {
		if !slave.is(running) {
			stored = append(stored, remoting.SlaveNotAvailable, remoting.FlushSlaveTimeout)
		} else if err := n.replicates(ctx); err != nil {
			return err
		}
	}
	response, err := n.cluster.client.Call(ctx, n.Address(), remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: probeTopic, Topic: probeTopic, DefaultTopic: defaultTopic, DefaultTopicQueueNums: 1,
		BornTimestamp: time.Now().UnixMilli(),
	}, []byte("probe")))
	if err != nil {
		return err
	}
	if !slices.Contains(stored, response.Code) {
		return &holdfast.BrokerError{Code: response.Code, Remark: response.Remark, Broker: n.Name()}
	}
	return nil
}

// replicates wants the slave connected to its master. A 5.x master that is sent a message
// before that has its sender wait for 3 s; one of 4.x refuses at once and cannot be asked.
func (n *Node) replicates(ctx context.Context) error {
	if n.cluster.config.is4x() {
		return nil
	}
	status, err := n.cluster.client.HAStatus(ctx, n.Address())
	if err != nil {
		return err
	}
	if status.InSyncSlaveNums == 0 {
		return fmt.Errorf("%s has no slave in sync", n.Name())
	}
	return nil
}

func (n *Node) createTopic(ctx context.Context, topic string, queues int) error {
	return n.cluster.client.CreateTopic(ctx, n.Address(), remoting.CreateTopicHeader{
		Topic: topic, DefaultTopic: defaultTopic, ReadQueueNums: queues, WriteQueueNums: queues,
		Perm: remoting.PermRead | remoting.PermWrite, TopicFilterType: "SINGLE_TAG",
	})
}

// CreateTopic creates a topic with so many queues on every master, or changes it, and waits
// until its route through the name server has them all. A name on the wire is meant: no
// namespace is added. On error, ctx's end included, the topic may be on some of the masters.
func (c *Cluster) CreateTopic(ctx context.Context, topic string, queues int) error {
	var next time.Time
	for {
		// Again from time to time: a broker that is told of several topics at once may register
		// two changes under one version, of which the name server takes the first.
		if now := time.Now(); now.After(next) {
			if err := c.putTopic(ctx, topic, queues); err != nil {
				return err
			}
			next = now.Add(putInterval)
		}
		err := c.hasRoute(ctx, topic, queues)
		if err == nil {
			return nil
		}
		if ended := wait(ctx, pollInterval); ended != nil {
			return fmt.Errorf("cluster: create topic %q: %w; last seen: %w", topic, ended, err)
		}
	}
}

const putInterval = 2 * time.Second

func (c *Cluster) putTopic(ctx context.Context, topic string, queues int) error {
	for _, m := range c.masters() {
		if err := m.createTopic(ctx, topic, queues); err != nil {
			return fmt.Errorf("cluster: create topic %q on %s: %w", topic, m.Name(), err)
		}
	}
	return nil
}

func (c *Cluster) hasRoute(ctx context.Context, topic string, queues int) error {
	route, err := c.client.Route(ctx, topic)
	if err != nil {
		return err
	}
	if want, have := queues*len(c.masters()), len(route.WriteQueues(topic)); have != want {
		return fmt.Errorf("the route has %d queues, %d are wanted", have, want)
	}
	return nil
}
