// Package crash_test kills consumers, as kill -9 does, at named points and on a real broker,
// starts them again until everything is drained, and holds what the group has acknowledged
// against the effects that were done. The raw client's members go through the same.
package crash_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	patience = 4 * time.Minute // a broker keeps a member for 2 min that died in mid-heartbeat
	tick     = 100 * time.Millisecond
	queues   = 4
)

// world is a broker as one scenario sees it: with a topic of its own, and what was sent to it.
type world struct {
	*testing.T
	cluster  *cluster.Cluster
	client   *remoting.Client // straight to the broker
	schedule *schedule
	program  string // the member
	dir      string
	topic    string

	mu   sync.Mutex
	sent map[position]string // ids, by where they are stored
}

// position is where a message is stored in the topic.
type position struct {
	queue  int
	offset int64
}

func newWorld(t *testing.T, c *cluster.Cluster, delayed *schedule, program, name string) *world {
	on := &world{
		T: t, cluster: c, client: remoting.NewClient(c.Holdfast()), schedule: delayed,
		program: program, dir: t.TempDir(), topic: name, sent: map[position]string{},
	}
	t.Cleanup(on.client.Close)
	require.NoError(t, c.CreateTopic(on.soon(), on.topic, queues))
	return on
}

// buildMember builds the program that is killed. It is built without the race detector, which
// would find the official client's races.
func buildMember(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "member")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./member")
	build.Env = append(os.Environ(), "GOFLAGS=")
	output, err := build.CombinedOutput()
	require.NoError(t, err, string(output))
	return program
}

// soon is a context that ends when the scenario's patience does.
func (on *world) soon() context.Context {
	ctx, cancel := context.WithTimeout(on.Context(), patience)
	on.Cleanup(cancel)
	return ctx
}

func (on *world) eventually(condition func() bool, what string, args ...any) {
	on.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(tick) {
		if time.Now().After(deadline) {
			require.FailNow(on, "it has not come about: "+fmt.Sprintf(what, args...))
		}
	}
}

// proxy stands before the name server and the broker.
func (on *world) proxy() *faultproxy.Proxy {
	on.Helper()
	proxy, err := faultproxy.Start(on.soon(), on.cluster.Holdfast())
	require.NoError(on, err)
	on.Cleanup(proxy.Close)
	return proxy
}

// what a message is to do to its handlers, as package member has it.
type what = map[string]string

// send stores n more messages, each in the next queue. They are numbered.
func (on *world) send(n int, w what) {
	on.Helper()
	var wg sync.WaitGroup
	slots := make(chan struct{}, 16)
	failures := make([]error, n)
	on.mu.Lock()
	first := len(on.sent)
	on.mu.Unlock()
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			failures[i] = on.sendOne(first+i, w)
		})
	}
	wg.Wait()
	for _, err := range failures {
		require.NoError(on, err)
	}
}

func (on *world) sendOne(number int, w what) error {
	id := fmt.Sprint("m", number)
	properties := maps.Clone(w)
	if properties == nil {
		properties = map[string]string{}
	}
	properties[primitive.PropertyKeys] = id
	properties[primitive.PropertyUniqueClientMessageIdKeyIndex] = fmt.Sprintf("%032X", number+1)
	header := remoting.SendMessageHeader{
		ProducerGroup: "shop", Topic: on.topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: queues, QueueID: number % queues,
		BornTimestamp: time.Now().UnixMilli(), Properties: remoting.EncodeProperties(properties),
	}
	answer, err := on.client.Do(on.Context(), on.cluster.Master(0).Address(), remoting.NewRequest(remoting.SendMessage, header, []byte(id)))
	if err != nil {
		return err
	}
	var where remoting.SendMessageResponse
	if err := remoting.DecodeHeader(answer.Ext, &where); err != nil {
		return err
	}
	on.mu.Lock()
	defer on.mu.Unlock()
	on.sent[position{where.QueueID, where.QueueOffset}] = id
	return nil
}

// positions is where every message is that was sent.
func (on *world) positions() map[position]string {
	on.mu.Lock()
	defer on.mu.Unlock()
	return maps.Clone(on.sent)
}

// each does the same to several groups at once.
func each(groups []*group, do func(*group)) {
	var wg sync.WaitGroup
	for _, g := range groups {
		wg.Go(func() { do(g) })
	}
	wg.Wait()
}
