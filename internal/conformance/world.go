package conformance

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

const (
	// patience is how long what should happen is waited for; shortly is how long nothing
	// should happen before that is believed.
	patience = 60 * time.Second
	shortly  = 300 * time.Millisecond

	pollEvery = 10 * time.Millisecond
)

// World is a target as one scenario sees it: with a client, a topic and a group of its own.
type World struct {
	Target
	t      *testing.T
	client *remoting.Client
	broker string // its address
	name   string // its name
	topic  string
	group  string
}

func newWorld(t *testing.T, target Target, s Scenario) *World {
	on := &World{Target: target, t: t, client: remoting.NewClient(target.Cluster())}
	t.Cleanup(on.client.Close)
	id := s.Name + "-" + uuid.NewString()[:8]
	on.topic, on.group = "topic-"+id, "group-"+id

	info, err := on.client.ClusterInfo(on.soon())
	require.NoError(t, err)
	require.Len(t, info.Brokers, 1)
	for name, b := range info.Brokers {
		on.name, on.broker = name, b.Addresses[remoting.MasterID]
	}
	if s.Queues > 0 {
		on.createTopic(on.topic, s.Queues)
	}
	return on
}

// soon is a context that ends when the patience does.
func (on *World) soon() context.Context { return on.within(patience) }

func (on *World) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(on.t.Context(), d)
	on.t.Cleanup(cancel)
	return ctx
}

// eventually polls until the condition holds.
func (on *World) eventually(condition func() bool, what string) {
	on.t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			require.FailNow(on.t, "it has not come about: "+what)
		}
	}
}

// call sends a request to the broker and returns the answer, whatever its code.
func (on *World) call(code int, header any, body []byte) *remoting.Command {
	on.t.Helper()
	return on.do(remoting.NewRequest(code, header, body))
}

func (on *World) do(request *remoting.Command) *remoting.Command {
	on.t.Helper()
	answer, err := on.client.Call(on.soon(), on.broker, request)
	require.NoError(on.t, err)
	return answer
}

// must is do for what has to succeed.
func (on *World) must(request *remoting.Command) *remoting.Command {
	on.t.Helper()
	answer := on.do(request)
	require.Equal(on.t, remoting.Success, answer.Code, answer.Remark)
	return answer
}

// createTopic creates a topic, or changes it, and waits until the route says so.
func (on *World) createTopic(name string, queues int) {
	on.t.Helper()
	on.putUntil(name, queues, remoting.PermRead|remoting.PermWrite, func() bool { return len(on.route(name).WriteQueues(name)) == queues })
}

// putUntil puts a topic until the route says so. A broker that is told of several topics at
// once may register two changes under one version, of which the name server takes the first.
func (on *World) putUntil(name string, queues, perm int, routed func() bool) {
	on.t.Helper()
	var next time.Time
	on.eventually(func() bool {
		if now := time.Now(); now.After(next) {
			on.putTopic(name, queues, perm)
			next = now.Add(putEvery)
		}
		return routed()
	}, "route of "+name)
}

const putEvery = 2 * time.Second

func (on *World) putTopic(name string, queues, perm int) {
	on.t.Helper()
	require.NoError(on.t, on.client.CreateTopic(on.soon(), on.broker, remoting.CreateTopicHeader{
		Topic: name, DefaultTopic: "TBW102", ReadQueueNums: queues, WriteQueueNums: queues, Perm: perm, TopicFilterType: "SINGLE_TAG",
	}))
}

// route is the route of a topic, empty if there is none.
func (on *World) route(topic string) *remoting.Route {
	route, err := on.client.Route(on.soon(), topic)
	if err != nil {
		return &remoting.Route{}
	}
	return route
}

// message is what a scenario sends. Its topic is the scenario's unless it says otherwise.
type message struct {
	topic          string
	queue          int
	body           string
	properties     map[string]string
	sysFlag        int
	flag           int32
	reconsumeTimes int
	maxReconsume   int
}

func (on *World) header(m message) remoting.SendMessageHeader {
	if m.topic == "" {
		m.topic = on.topic
	}
	return remoting.SendMessageHeader{
		ProducerGroup: on.group, Topic: m.topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, QueueID: m.queue,
		SysFlag: m.sysFlag, BornTimestamp: time.Now().UnixMilli(), Flag: m.flag, Properties: remoting.EncodeProperties(m.properties),
		ReconsumeTimes: m.reconsumeTimes, MaxReconsumeTimes: m.maxReconsume,
	}
}

// request is SEND_MESSAGE_V2, which clients use most.
func (on *World) request(m message) *remoting.Command {
	request := remoting.NewRequest(remoting.SendMessageV2, nil, []byte(m.body))
	request.Ext = remoting.EncodeShortHeader(on.header(m))
	return request
}

// send sends a message and returns the answer, whatever its code.
func (on *World) send(m message) *remoting.Command {
	on.t.Helper()
	return on.do(on.request(m))
}

// mustSend sends a message that has to be stored and returns where it was.
func (on *World) mustSend(m message) remoting.SendMessageResponse {
	on.t.Helper()
	return on.where(on.must(on.request(m)))
}

func (on *World) where(answer *remoting.Command) remoting.SendMessageResponse {
	on.t.Helper()
	var where remoting.SendMessageResponse
	require.NoError(on.t, remoting.DecodeHeader(answer.Ext, &where))
	return where
}

// batch is SEND_BATCH_MESSAGE of messages with these bodies.
func (on *World) batch(m message, entries ...remoting.BatchMessage) *remoting.Command {
	on.t.Helper()
	var body []byte
	for _, e := range entries {
		var err error
		body, err = remoting.AppendBatch(body, e)
		require.NoError(on.t, err)
	}
	header := on.header(m)
	header.Batch = true
	request := remoting.NewRequest(remoting.SendBatchMessage, nil, body)
	request.Ext = remoting.EncodeShortHeader(header)
	return request
}

// stored is everything that is stored under a topic now; nothing if it has no route.
func (on *World) stored(topic string) []*remoting.Message {
	on.t.Helper()
	if len(on.route(topic).Queues) == 0 {
		return nil
	}
	messages, err := scan.Topic(on.soon(), on.client, topic)
	require.NoError(on.t, err)
	return messages
}

// storedOne is the one message that comes to be stored under a topic.
func (on *World) storedOne(topic string) *remoting.Message {
	on.t.Helper()
	on.eventually(func() bool { return len(on.stored(topic)) > 0 }, "a message in "+topic)
	messages := on.stored(topic)
	require.Len(on.t, messages, 1)
	return messages[0]
}

func bodies(messages []*remoting.Message) []string {
	list := []string{}
	for _, m := range messages {
		payload, err := m.Payload()
		if err != nil {
			payload = m.Body
		}
		list = append(list, string(payload))
	}
	return list
}

// numbered is n bodies that differ.
func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint("body ", i)
	}
	return list
}

// newID is a UNIQ_KEY.
func newID() string { return strings.ToUpper(strings.ReplaceAll(uuid.NewString(), "-", "")) }

// script does an action to the next times requests of a kind that concern the scenario's topic
// or group; below 1 means all of them. It ends with the scenario.
func (on *World) script(kind fault.Kind, action fault.Action, times int) (fired func() int) {
	var hits atomic.Int64
	f := on.Intercept(kind, func(r *fault.Request) fault.Action {
		if !on.concerns(r) {
			return fault.Pass()
		}
		if n := hits.Add(1); times > 0 && n > int64(times) {
			hits.Add(-1)
			return fault.Pass()
		}
		return action
	})
	on.t.Cleanup(f.Remove)
	return func() int { return int(hits.Load()) }
}

func (on *World) concerns(r *fault.Request) bool {
	return strings.Contains(r.Topic, on.topic) || strings.Contains(r.Group, on.group) || strings.Contains(r.Topic, on.group)
}
