package lab

import (
	"maps"
	"sync"
	"time"
)

// effects are what handlers have done, in all processes of one consumer.
type effects struct {
	mu      sync.Mutex
	calls   map[string]int // by order
	effects map[string]int // by order
	running int
	last    time.Time // that anything happened
}

func newEffects() *effects {
	return &effects{calls: map[string]int{}, effects: map[string]int{}, last: time.Now()}
}

// begin counts a call for an order; done ends it.
func (e *effects) begin(id string) (isFirst bool, done func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls[id]++
	e.running++
	e.last = time.Now()
	return e.calls[id] == 1, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.running--
		e.last = time.Now()
	}
}

func (e *effects) add(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.effects[id]++
	e.last = time.Now()
}

// orders is how many orders had an effect.
func (e *effects) orders() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.effects)
}

// wake has idle begin anew.
func (e *effects) wake() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = time.Now()
}

// idle is for how long nothing has happened; 0 while a handler runs.
func (e *effects) idle() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running > 0 {
		return 0
	}
	return time.Since(e.last)
}

func (e *effects) all() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.effects)
}
