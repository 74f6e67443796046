package rmqtest

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// standardJSONVersion is the client version from which on a route is standard JSON: 4.9.4.
const standardJSONVersion = 401

// NameServer tells clients which brokers have which topics. It knows of everything at once:
// a topic that was created, a broker that stopped or came back.
type NameServer struct {
	cluster *Cluster
	server  *server
}

func newNameServer(c *Cluster) *NameServer {
	n := &NameServer{cluster: c}
	n.server = &server{script: &c.script, handle: n.handle}
	return n
}

// Addr is the host:port that it listens on, whether it runs or not.
func (n *NameServer) Addr() string { return n.server.addr() }

// Stop closes its listener and its connections. Stopping it twice does nothing.
func (n *NameServer) Stop() { n.server.stop(false) }

// Start makes it listen again, on the same address; it panics if another process has taken
// that in the meantime and does not give it back within 10 s. Starting it twice does nothing.
func (n *NameServer) Start() {
	if err := n.server.start(); err != nil {
		panic(err)
	}
}

func (n *NameServer) handle(c *call) {
	switch c.request.Code {
	case remoting.GetRouteInfoByTopic:
		n.route(c)
	case remoting.GetBrokerClusterInfo:
		c.answerBody(clusterBody(n.clusterInfo()))
	case remoting.GetAllTopicList:
		c.answerJSON(map[string][]string{"topicList": n.topics()})
	case remoting.DeleteTopicInNameServer:
		c.ok(nil) // it knows of a topic what the brokers know
	default:
		c.unsupported()
	}
}

func (c *call) unsupported() {
	c.fail(remoting.RequestCodeNotKnown, " request type "+strconv.Itoa(c.request.Code)+" not supported")
}

// alive are the brokers that run.
func (n *NameServer) alive() []*Broker {
	return slices.DeleteFunc(slices.Clone(n.cluster.brokers), func(b *Broker) bool { return !b.server.running() })
}

// route answers GET_ROUTEINFO_BY_TOPIC.
func (n *NameServer) route(c *call) {
	var header remoting.TopicHeader
	if !c.decode(&header) {
		return
	}
	var route remoting.Route
	for _, b := range n.alive() {
		t, ok := b.topics.get(header.Topic)
		if !ok {
			continue
		}
		route.Brokers = append(route.Brokers, b.data())
		route.Queues = append(route.Queues, remoting.QueueData{
			Broker: b.name, ReadQueueNums: t.readQueues, WriteQueueNums: t.writeQueues,
			Perm: t.perm & (b.config.int(keyPermission) | permInherit), TopicSysFlag: t.sysFlag,
		})
	}
	if len(route.Brokers) == 0 {
		c.fail(remoting.TopicNotExist, "No topic route info in name server for the topic: "+header.Topic)
		return
	}
	bare := c.request.Version < standardJSONVersion && c.request.Ext["acceptStandardJsonOnly"] != "true"
	c.answerBody(routeBody(route, bare))
}

func (n *NameServer) clusterInfo() remoting.ClusterInfo {
	info := remoting.ClusterInfo{Brokers: map[string]remoting.BrokerData{}, Clusters: map[string][]string{}}
	for _, b := range n.alive() {
		info.Brokers[b.name] = b.data()
		info.Clusters[clusterName] = append(info.Clusters[clusterName], b.name)
	}
	return info
}

func (n *NameServer) topics() []string {
	names := map[string]bool{}
	for _, b := range n.alive() {
		for _, name := range b.topics.names() {
			names[name] = true
		}
	}
	return slices.SortedFunc(maps.Keys(names), strings.Compare)
}
