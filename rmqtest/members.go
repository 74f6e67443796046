package rmqtest

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// member is a client that belongs to a group, by one connection.
type member struct {
	clientID string
	language remoting.Language
	version  int
}

// consumerGroup is who consumes as a group, and what.
type consumerGroup struct {
	members       map[*session]member
	subscriptions map[string]remoting.Subscription // by topic
	consumeType   string
	model         string
	fromWhere     string
}

// memberTable is who is connected to one broker as what, as heartbeats said.
type memberTable struct {
	mu        sync.Mutex
	consumers map[string]*consumerGroup
	producers map[string]map[*session]member
}

func newMemberTable() *memberTable {
	return &memberTable{consumers: map[string]*consumerGroup{}, producers: map[string]map[*session]member{}}
}

// addConsumer returns whom to tell of a change; nobody if there was none.
func (t *memberTable) addConsumer(s *session, who member, data consumerData) []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	group := t.consumers[data.Group]
	if group == nil {
		group = &consumerGroup{members: map[*session]member{}, subscriptions: map[string]remoting.Subscription{}}
		t.consumers[data.Group] = group
	}
	group.consumeType, group.model, group.fromWhere = data.Type, data.Model, data.FromWhere
	_, known := group.members[s]
	group.members[s] = who
	if changed := group.subscribe(data.Subscriptions); known && !changed {
		return nil
	}
	return group.toNotify()
}

func (g *consumerGroup) subscribe(subscriptions []subscriptionData) (changed bool) {
	topics := map[string]bool{}
	for _, s := range subscriptions {
		topics[s.Topic] = true
		old, known := g.subscriptions[s.Topic]
		if !known || s.Version > old.SubVersion {
			g.subscriptions[s.Topic] = newSubscription(s.Topic, s.Expression, s.ExpressionType, s.Version)
		}
		changed = changed || !known
	}
	for topic := range g.subscriptions {
		if !topics[topic] {
			delete(g.subscriptions, topic)
			changed = true
		}
	}
	return changed
}

// toNotify is every member; nobody where each of them consumes everything.
func (g *consumerGroup) toNotify() []*session {
	if g.model == "BROADCASTING" {
		return nil
	}
	return slices.Collect(maps.Keys(g.members))
}

func (t *memberTable) addProducer(s *session, who member, group string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.producers[group] == nil {
		t.producers[group] = map[*session]member{}
	}
	t.producers[group][s] = who
}

// removeConsumer returns whom to tell.
func (t *memberTable) removeConsumer(s *session, name string) []*session {
	t.mu.Lock()
	defer t.mu.Unlock()
	group := t.consumers[name]
	if group == nil {
		return nil
	}
	if _, ok := group.members[s]; !ok {
		return nil
	}
	delete(group.members, s)
	if len(group.members) == 0 {
		delete(t.consumers, name)
	}
	return group.toNotify()
}

func (t *memberTable) removeProducer(s *session, group string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.producers[group], s)
	if len(t.producers[group]) == 0 {
		delete(t.producers, group)
	}
}

// groupsOf are the groups that a connection belongs to.
func (t *memberTable) groupsOf(s *session) (consumers, producers []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, group := range t.consumers {
		if _, ok := group.members[s]; ok {
			consumers = append(consumers, name)
		}
	}
	for name, members := range t.producers {
		if _, ok := members[s]; ok {
			producers = append(producers, name)
		}
	}
	return consumers, producers
}

// subscription is what a group takes of a topic.
func (t *memberTable) subscription(group, topic string) (s remoting.Subscription, known, subscribed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.consumers[group]
	if g == nil {
		return s, false, false
	}
	s, subscribed = g.subscriptions[topic]
	return s, true, subscribed
}

// clientIDs are a group's members, sorted.
func (t *memberTable) clientIDs(group string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ids []string
	if g := t.consumers[group]; g != nil {
		for _, m := range g.members {
			ids = append(ids, m.clientID)
		}
	}
	slices.Sort(ids)
	return ids
}

// producer is the connection of a producing client, nil if it has none.
func (t *memberTable) producer(clientID string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, members := range t.producers {
		for s, m := range members {
			if m.clientID == clientID {
				return s
			}
		}
	}
	return nil
}

// consumerConnections describes a group; nil if nobody belongs to it.
func (t *memberTable) consumerConnections(group string) *remoting.ConsumerConnections {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.consumers[group]
	if g == nil {
		return nil
	}
	return &remoting.ConsumerConnections{
		Connections: connections(g.members), Subscriptions: maps.Clone(g.subscriptions),
		ConsumeType: g.consumeType, MessageModel: g.model, ConsumeFromWhere: g.fromWhere,
	}
}

// producerConnections describes a group; nil if nobody belongs to it.
func (t *memberTable) producerConnections(group string) *remoting.ProducerConnections {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.producers[group]) == 0 {
		return nil
	}
	return &remoting.ProducerConnections{Connections: connections(t.producers[group])}
}

func connections(members map[*session]member) []remoting.Connection {
	var list []remoting.Connection
	for s, m := range members {
		list = append(list, remoting.Connection{
			ClientID: m.clientID, ClientAddress: s.remote.String(), Language: m.language.String(), Version: m.version,
		})
	}
	slices.SortFunc(list, func(a, b remoting.Connection) int {
		return strings.Compare(a.ClientID+a.ClientAddress, b.ClientID+b.ClientAddress)
	})
	return list
}
