package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

// Sides that consume.
const (
	raw     = "raw"      // the official client
	guard   = "guard"    // the official client with consumer.Guard
	whole   = "consumer" // consumer.New
	retryOf = "%RETRY%"
	deadOf  = "%DLQ%"
)

// group is a consumer group whose members are all of one side.
type group struct {
	*world
	side     string
	label    string // in what is printed
	name     string
	reach    holdfast.Cluster // how its members reach the broker
	record   string           // the file of its effects
	standing []string         // flags of every member
}

// groups makes a group for each side. Their retry topics are there: a raw member would look
// for a new one only every 30 s.
func (on *world) groups(reach holdfast.Cluster, sides ...string) []*group {
	on.Helper()
	var all []*group
	for _, side := range sides {
		all = append(all, on.group(reach, side, side))
	}
	return all
}

func (on *world) group(reach holdfast.Cluster, side, label string, flags ...string) *group {
	on.Helper()
	name := on.topic + "-" + strings.NewReplacer(" ", "-", ",", "", ".", "").Replace(label)
	g := &group{world: on, side: side, label: label, name: name, reach: reach, record: filepath.Join(on.dir, name), standing: flags}
	retries, err := consumer.NewRetries(on.cluster.Holdfast(), name)
	require.NoError(on, err)
	require.NoError(on, retries.Prepare(on.soon(), map[string]string{on.topic: "*"}))
	require.NoError(on, retries.Close(on.soon()))
	return g
}

func (g *group) isOurs() bool { return g.side != raw }

// configure changes the group's configuration at the broker.
func (g *group) configure(key string, value any) {
	g.Helper()
	all := map[string]any{"groupName": g.name, "consumeEnable": true, "retryQueueNums": 1, "retryMaxTimes": 16, "notifyConsumerIdsChangedEnable": true}
	all[key] = value
	body, err := json.Marshal(all)
	require.NoError(g, err)
	_, err = g.client.Do(g.soon(), g.cluster.Master(0).Address(), remoting.NewRequest(remoting.CreateSubscriptionGroup, nil, body))
	require.NoError(g, err)
}

// committed are the offsets of the group in the queues of a topic, and their ends.
func (g *group) committed(ctx context.Context, topic string) (map[remoting.Queue]remoting.ConsumeOffset, error) {
	stats, err := g.client.ConsumeStats(ctx, g.cluster.Master(0).Address(), g.name, topic)
	if err != nil {
		return nil, err
	}
	return stats.Offsets, nil
}

// acknowledged are the messages of the topic that the group's offsets are past.
func (g *group) acknowledged() map[string]bool {
	g.Helper()
	offsets, err := g.committed(g.soon(), g.topic)
	require.NoError(g, err)
	past := map[int]int64{}
	for queue, at := range offsets {
		past[queue.ID] = at.Consumer
	}
	ids := map[string]bool{}
	for at, id := range g.positions() {
		if at.offset < past[at.queue] {
			ids[id] = true
		}
	}
	return ids
}

func (g *group) stored(ctx context.Context, topic string) ([]*remoting.Message, error) {
	if _, err := g.client.Route(ctx, topic); err != nil && strings.HasPrefix(topic, deadOf) {
		return nil, nil // made with the first dead letter
	}
	return scan.Topic(ctx, g.client, topic)
}

// copied are the ids of all copies that the broker has of the group's messages.
func (g *group) copied() []string {
	g.Helper()
	var ids []string
	g.eventually(func() (ok bool) {
		ids, ok = g.readCopies(g.soon())
		return ok
	}, "%s: the broker tells what copies it has", g.name)
	return ids
}

// readCopies fails now and then while a broker comes up.
func (g *group) readCopies(ctx context.Context) (ids []string, ok bool) {
	back, err := g.stored(ctx, retryOf+g.name) // waits until everything is in its queue
	if err != nil {
		return nil, false
	}
	dead, err := g.stored(ctx, deadOf+g.name)
	if err != nil {
		return nil, false
	}
	delayed, err := g.schedule.of(ctx, retryOf+g.name)
	if err != nil {
		return nil, false
	}
	ids = slices.Clone(delayed)
	for _, m := range append(back, dead...) {
		ids = append(ids, m.Properties["KEYS"])
	}
	return ids, true
}

// isDrained says that the group is past the end of every queue, retries included, and that no
// copy is yet to come.
func (g *group) isDrained() bool {
	ctx := g.soon()
	for _, topic := range []string{g.topic, retryOf + g.name} {
		offsets, err := g.committed(ctx, topic)
		if err != nil || len(offsets) == 0 {
			return false
		}
		for _, at := range offsets {
			if at.Consumer < at.Broker {
				return false
			}
		}
	}
	back, err := g.stored(ctx, retryOf+g.name)
	if err != nil {
		return false
	}
	delayed, err := g.schedule.of(ctx, retryOf+g.name)
	if err != nil || len(delayed) > len(back) {
		return false
	}
	offsets, err := g.committed(ctx, retryOf+g.name) // what has come meanwhile
	for _, at := range offsets {
		if at.Consumer < at.Broker {
			return false
		}
	}
	return err == nil
}

// describe is where the group stands, for the log of a test that has failed.
func (g *group) describe() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var text strings.Builder
	h := g.history()
	fmt.Fprintf(&text, "began %d of %d, done %d of %d\n", sum(h.began), len(h.began), sum(h.done), len(h.done))
	for _, topic := range []string{g.topic, retryOf + g.name} {
		offsets, err := g.committed(ctx, topic)
		for queue, at := range offsets {
			fmt.Fprintf(&text, "%v: %d of %d\n", queue, at.Consumer, at.Broker)
		}
		if err != nil {
			fmt.Fprintln(&text, topic, err)
		}
	}
	connections, err := g.client.ConsumerConnections(ctx, g.cluster.Master(0).Address(), g.name)
	if err != nil {
		fmt.Fprintln(&text, err)
		return text.String()
	}
	for _, c := range connections.Connections {
		fmt.Fprintln(&text, "member", c.ClientID, c.ClientAddress)
	}
	return text.String()
}
