package conformance

import (
	"slices"
	"sync"
	"testing"
)

// Scenario is one thing that is so on every target.
type Scenario struct {
	Name   string
	On     Flavour
	Queues int  // of the topic that it is given; 0 means that the topic does not exist
	Alone  bool // it stops the broker, or changes what it does for others
	Run    func(t *testing.T, on *World)
}

// Scenarios is the suite but for Consumers.
func Scenarios() []Scenario {
	return slices.Concat(
		routes, sends, refusals, batches, delays, halves, pulls, offsets, groups, locks, sendBacks,
		queries, administration, access, requestFaults, outages, durability, producers, copies,
	)
}

// Consumers is what is about push consumers: the official client's, and ours on top of it. That
// has data races of its own, in Start, in rebalancing and where it consumes in order: run these
// without -race.
func Consumers() []Scenario { return slices.Concat(consumers, consuming) }

// atOnce is how many scenarios run at a time on one target: they mostly wait.
const atOnce = 12

// Run runs scenarios as subtests of t, flavour/scenario. It calls start once for each flavour
// that one of them needs; the target ends with the test that start is given. It does not use
// t.Parallel, which allows no more tests at once than there are processors.
func Run(t *testing.T, start func(t *testing.T, f Flavour) Target, scenarios ...Scenario) {
	flavours := map[Flavour][]Scenario{}
	for _, s := range scenarios {
		flavours[s.On] = append(flavours[s.On], s)
	}
	var wg sync.WaitGroup
	for flavour, scenarios := range flavours {
		wg.Go(func() {
			t.Run(flavour.String(), func(t *testing.T) { runOn(t, start(t, flavour), scenarios) })
		})
	}
	wg.Wait()
}

// runOn runs together what can be, then one by one what cannot.
func runOn(t *testing.T, target Target, scenarios []Scenario) {
	run := func(s Scenario) {
		t.Run(s.Name, func(t *testing.T) { s.Run(t, newWorld(t, target, s)) })
	}
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for _, s := range scenarios {
		if s.Alone {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			run(s)
		})
	}
	wg.Wait()
	for _, s := range scenarios {
		if s.Alone {
			run(s)
		}
	}
}
