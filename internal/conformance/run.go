package conformance

import (
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

// Scenarios is the whole suite.
func Scenarios() []Scenario {
	var all []Scenario
	for _, group := range [][]Scenario{
		routes, sends, refusals, batches, delays, halves, pulls, offsets, groups, locks, sendBacks,
		queries, administration, access, requestFaults, outages, durability, producers, consumers,
	} {
		all = append(all, group...)
	}
	return all
}

// atOnce is how many scenarios run at a time on one target: they mostly wait.
const atOnce = 12

// Run runs the suite as subtests of t, flavour/scenario. It calls start once for each flavour
// that a chosen scenario needs; the target ends with the test that start is given.
func Run(t *testing.T, start func(t *testing.T, f Flavour) Target, scenarios ...Scenario) {
	for _, flavour := range Flavours {
		var together, alone []Scenario
		for _, s := range scenarios {
			switch {
			case s.On != flavour:
			case s.Alone:
				alone = append(alone, s)
			default:
				together = append(together, s)
			}
		}
		if len(together)+len(alone) == 0 {
			continue
		}
		t.Run(flavour.String(), func(t *testing.T) {
			t.Parallel()
			target := start(t, flavour)
			runTogether(t, target, together)
			for _, s := range alone {
				t.Run(s.Name, func(t *testing.T) { s.Run(t, newWorld(t, target, s)) })
			}
		})
	}
}

// runTogether does not use t.Parallel, which allows no more tests at once than there are
// processors.
func runTogether(t *testing.T, target Target, scenarios []Scenario) {
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for _, s := range scenarios {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			t.Run(s.Name, func(t *testing.T) { s.Run(t, newWorld(t, target, s)) })
		})
	}
	wg.Wait()
}
