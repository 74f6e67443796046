package crash_test

import (
	"sync"
	"testing"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// What a consumer has acknowledged is done, or a copy of it is stored, however it ends.
func TestConsumerCrashes(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	program := buildMember(t)
	c := cluster.Run(t, cluster.Config{
		// Queue locks of the dead are lost after 2 s instead of a minute.
		JVM: []string{"-Drocketmq.broker.rebalance.lockMaxLiveTime=2000"},
	})
	client := remoting.NewClient(c.Holdfast())
	t.Cleanup(client.Close)
	delayed := &schedule{client: client, broker: c.Master(0).Address(), next: map[int]int64{}, ids: map[string][]string{}}
	run := func(s scenario) {
		t.Run(s.name, func(t *testing.T) { s.run(newWorld(t, c, delayed, program, s.name)) })
	}
	var wg sync.WaitGroup // they mostly wait, and t.Parallel allows no more than there are processors
	for _, s := range together {
		wg.Go(func() { run(s) })
	}
	wg.Wait()
	for _, s := range alone {
		run(s)
	}
}

type scenario struct {
	name string
	run  func(on *world)
}

var together = []scenario{
	{"KilledInHandlers", func(on *world) { killedAt(on, inHandler) }},
	{"KilledBeforeTheAcknowledgement", func(on *world) { killedAt(on, afterEffect) }},
	{"KilledWhenACopyIsStored", killedWhenACopyIsStored},
	{"KilledWhenACopyIsConfirmed", killedWhenACopyIsConfirmed},
	{"KilledInOrder", killedInOrder},
	{"KilledWhileDraining", killedWhileDraining},
	{"Drained", drained},
	{"CopiesRefused", copiesRefused},
	{"RebalanceStorm", rebalanceStorm},
	{"SlowerThanTheClientsTimeout", slowerThanTheClientsTimeout},
	{"SlowerThanTheClientsTimeoutAndKilled", slowerThanTheClientsTimeoutAndKilled},
	{"WorkBesideTheHandler", workBesideTheHandler},
}

// These stop the broker.
var alone = []scenario{
	{"BrokerKilledDuringRetries", brokerKilledDuringRetries},
}
