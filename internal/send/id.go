package send

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// IDs makes UNIQ_KEYs: 32 upper-case hex digits in the layout of the Java client's
// MessageClientIDSetter, so that admin tools can read the time from them:
//
//	10 bytes of its own | int32 milliseconds since the start of the month | int16 counter
//
// The Java client puts its address, process and class loader into the first ten bytes, which
// repeat in containers; here they are random. They change with the month, because the rest
// of the layout starts over then. No two ids of one IDs are equal: a counter that runs over
// borrows from the next millisecond.
type IDs struct {
	mu     sync.Mutex
	month  time.Time // start of the month that prefix belongs to
	end    time.Time // start of the next one
	prefix [10]byte
	last   uint64 // milliseconds << 16 | counter of the newest id
}

const upperHex = "0123456789ABCDEF"

// Next returns a new id.
func (g *IDs) Next() string {
	prefix, tick := g.tick(time.Now().UTC())
	var id [16]byte
	copy(id[:], prefix[:])
	binary.BigEndian.PutUint32(id[10:], uint32(tick>>16))
	binary.BigEndian.PutUint16(id[14:], uint16(tick))

	var text [32]byte
	for i, b := range id {
		text[2*i], text[2*i+1] = upperHex[b>>4], upperHex[b&15]
	}
	return string(text[:])
}

func (g *IDs) tick(now time.Time) (prefix [10]byte, tick uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !now.Before(g.end) {
		g.month = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
		g.end = g.month.AddDate(0, 1, 0)
		g.last = 0
		rand.Read(g.prefix[:]) // never fails: crypto/rand ends the program instead
	}
	elapsed := max(now.Sub(g.month), 0) // the clock may have been set back over the start of the month
	g.last = max(g.last+1, uint64(elapsed.Milliseconds())<<16)
	return g.prefix, g.last
}
