package rmqtest

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Broker is one master of a cluster. Its methods are safe for concurrent use, but those that
// stop and start it should be called by one goroutine.
type Broker struct {
	name    string
	options options
	server  *server
	config  *brokerConfig
	topics  *topicTable
	groups  *groupTable
	members *memberTable
	offsets *offsetTable
	locks   *lockTable
	store   *store
	delays  *delays
	booted  atomic.Int64 // milliseconds since 1970
}

func newBroker(name string, script *script, o options) *Broker {
	b := &Broker{
		name: name, options: o,
		topics: newTopicTable(name, o), members: newMemberTable(), offsets: newOffsetTable(),
		locks: newLockTable(o), store: newStore(o), config: newBrokerConfig(name, o),
	}
	b.groups = newGroupTable(func() bool { return b.config.bool(keyAutoCreateGroup) })
	b.delays = &delays{broker: b}
	b.server = &server{script: script, broker: name, handle: b.handle, admit: b.authenticate, closed: b.disconnected}
	return b
}

// start is Start with its error.
func (b *Broker) start() error {
	if b.server.running() {
		return nil
	}
	if err := b.server.start(); err != nil {
		return err
	}
	b.booted.Store(time.Now().UnixMilli())
	b.config.listensOn(b.server.address.Port())
	b.delays.start()
	return nil
}

// Name is the broker's name.
func (b *Broker) Name() string { return b.name }

// Addr is the host:port that it listens on, whether it runs or not.
func (b *Broker) Addr() string { return b.server.addr() }

// Stop closes its listener and cuts its connections, as killing the process does: what is
// stored is kept, flushed or not, and so are topics, groups and offsets; queue locks are
// lost. Stopping it twice does nothing.
func (b *Broker) Stop() { b.stop(false) }

func (b *Broker) stop(abort bool) {
	b.delays.stop()
	b.server.stop(abort)
	b.locks.clear()
}

// Start makes it listen again, on the same address; it panics if another process has taken
// that in the meantime and does not give it back within 10 s. Delays that ended while it was
// stopped are delivered now. Starting it twice does nothing.
func (b *Broker) Start() {
	if err := b.start(); err != nil {
		panic(err)
	}
}

// Pause freezes the broker, as SIGSTOP does: connections are accepted and stay, but nothing
// is read or answered, and no delay ends, until Resume. It stays in routes, as on a real
// cluster for two minutes.
func (b *Broker) Pause() {
	b.server.gate.close()
	b.delays.stop()
}

// Resume ends Pause: what came in the meantime is handled.
func (b *Broker) Resume() {
	b.server.gate.open()
	if b.server.running() {
		b.delays.start()
	}
}

// PowerFailure cuts the connections and forgets everything that was not flushed: with
// WithAsyncFlush what came after the last Flush, with SYNC_FLUSH what came during StallFlush,
// which it ends. The broker stays down until Start. Topics, groups and consumer offsets are
// kept; a real broker may set offsets back by some seconds.
func (b *Broker) PowerFailure() {
	b.stop(true)
	b.store.truncate()
	b.delays.recover()
	b.ResumeFlush()
}

// data is what routes say of the broker.
func (b *Broker) data() remoting.BrokerData {
	return remoting.BrokerData{Cluster: clusterName, Name: b.name, Addresses: map[string]string{remoting.MasterID: b.Addr()}}
}

func (b *Broker) handle(c *call) {
	switch c.request.Code {
	case remoting.SendMessage, remoting.SendMessageV2, remoting.SendBatchMessage:
		b.send(c)
	case remoting.SendReplyMessage, sendReplyV2:
		b.sendReply(c)
	case remoting.ConsumerSendMsgBack:
		b.sendBack(c)
	case remoting.PullMessage:
		b.pull(c)
	case remoting.QueryMessage:
		b.query(c)
	case remoting.ViewMessageByID:
		b.viewMessage(c)
	case remoting.HeartBeat:
		b.heartbeat(c)
	case remoting.UnregisterClient:
		b.unregister(c)
	case remoting.GetConsumerListByGroup:
		b.consumerList(c)
	case remoting.LockBatchMQ:
		b.lockQueues(c)
	case remoting.UnlockBatchMQ:
		b.unlockQueues(c)
	default:
		b.handleOffsets(c)
	}
}

func (b *Broker) handleOffsets(c *call) {
	switch c.request.Code {
	case remoting.QueryConsumerOffset:
		b.consumerOffset(c)
	case remoting.UpdateConsumerOffset:
		b.updateOffset(c)
	case remoting.GetMaxOffset:
		b.maxOffset(c)
	case remoting.GetMinOffset:
		b.minOffset(c)
	case remoting.SearchOffsetByTimestamp:
		b.searchOffset(c)
	default:
		b.handleAdmin(c)
	}
}

func (b *Broker) handleAdmin(c *call) {
	switch c.request.Code {
	case remoting.UpdateAndCreateTopic:
		b.createTopic(c)
	case remoting.DeleteTopicInBroker:
		b.deleteTopic(c)
	case remoting.GetTopicConfig:
		b.topicConfig(c)
	case remoting.GetTopicStatsInfo:
		b.topicStats(c)
	case remoting.GetConsumeStats:
		b.consumeStats(c)
	case remoting.GetConsumerConnections:
		b.consumerConnections(c)
	case remoting.GetProducerConnections:
		b.producerConnections(c)
	case getRunningInfo:
		b.runningInfo(c)
	case remoting.CreateSubscriptionGroup:
		b.putGroup(c)
	case remoting.GetAllSubscriptionGroup:
		b.listGroups(c)
	case remoting.DeleteSubscriptionGroup:
		b.removeGroup(c)
	case remoting.GetBrokerConfig:
		b.getConfig(c)
	case remoting.UpdateBrokerConfig:
		b.updateConfig(c)
	case remoting.GetBrokerRuntimeInfo:
		b.runtimeInfo(c)
	case remoting.GetBrokerHAStatus:
		b.haStatus(c)
	default:
		c.unsupported()
	}
}
