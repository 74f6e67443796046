package lab

import "fmt"

// said is what a client told its caller about one order.
type said int

const (
	acknowledged said = iota // it is stored
	unknown                  // it may be stored
	notStored                // it is certainly not stored
)

// attempt is one order that a client was asked to send, once.
type attempt struct {
	id   string
	said said
}

// stored is one copy of an order that a broker has.
type stored struct {
	id        string
	uniqueKey string
}

// counts is what became of the orders that a client sent, or consumed, in orders.
type counts struct {
	attempted    int
	acknowledged int
	unknown      int
	lost         int // acknowledged, and not there
	doubled      int // there more than once
	apart        int // of these, under more than one UNIQ_KEY: nobody can tell that they are one
	recovered    int // of unknown outcome, and there
	unexpected   int // said to be not stored, and there

	// Of consumers, whose acknowledgements are offsets.
	delivered int // had an effect
	dead      int // had none, and is a dead letter
	waiting   int // had none yet
}

func (c *counts) add(other counts) {
	c.attempted += other.attempted
	c.acknowledged += other.acknowledged
	c.unknown += other.unknown
	c.lost += other.lost
	c.doubled += other.doubled
	c.apart += other.apart
	c.recovered += other.recovered
	c.unexpected += other.unexpected
	c.delivered += other.delivered
	c.dead += other.dead
	c.waiting += other.waiting
}

// refused is how many were said to be not stored.
func (c *counts) refused() int { return c.attempted - c.acknowledged - c.unknown }

// judge compares what was said about each order with what is stored. The error means that the
// two do not belong together, and that no figure could be trusted.
func judge(attempts []attempt, copies []stored) (counts, error) {
	c := counts{attempted: len(attempts)}
	keys := map[string][]string{} // the UNIQ_KEY of every copy, by order
	for _, c := range copies {
		keys[c.id] = append(keys[c.id], c.uniqueKey)
	}
	seen := map[string]bool{}
	for _, a := range attempts {
		if seen[a.id] {
			return c, fmt.Errorf("order %s was sent twice", a.id)
		}
		seen[a.id] = true
		c.judge(a.said, keys[a.id])
		delete(keys, a.id)
	}
	for id := range keys {
		return c, fmt.Errorf("order %s is stored and was never sent", id)
	}
	return c, nil
}

// judge counts one order, by the UNIQ_KEYs of its copies.
func (c *counts) judge(s said, keys []string) {
	there := len(keys) > 0
	switch {
	case s == acknowledged:
		c.acknowledged++
		if !there {
			c.lost++
		}
	case s == unknown:
		c.unknown++
		if there {
			c.recovered++
		}
	case there:
		c.unexpected++
	}
	if len(keys) > 1 {
		c.doubled++
		if differ(keys) {
			c.apart++
		}
	}
}

func differ(keys []string) bool {
	for _, key := range keys {
		if key != keys[0] || key == "" {
			return true
		}
	}
	return false
}

func countSaid(attempts []attempt, s said) int {
	n := 0
	for _, a := range attempts {
		if a.said == s {
			n++
		}
	}
	return n
}
