package send

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"
)

// Acked remembers how far into each broker's commit log SEND_OK has reached.
//
// A message that is found in a broker's index is stored, not durable. But the log is one
// sequence, and a broker that waits for a flush or a replica waits for all that lies before:
// once it has answered SEND_OK for a message at a higher offset, what lies lower is as
// durable. Only answers that came after the attempt began count, so that an answer from
// before the broker lost its log's tail, or before another master took over, does not vouch
// for what was written since.
type Acked struct {
	mu      sync.Mutex
	brokers map[string]watermark
	count   int64
}

type watermark struct {
	offset int64 // of the newest SEND_OK
	number int64 // of that answer, counted over all brokers
}

// Note records a SEND_OK: offsetMsgID is one id, or the ids of a batch with commas between.
func (a *Acked) Note(broker, offsetMsgID string) {
	offset, ok := commitLogOffset(offsetMsgID)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.brokers == nil {
		a.brokers = map[string]watermark{}
	}
	a.count++
	a.brokers[broker] = watermark{offset, a.count}
}

// Now is the point in time to give to Covers.
func (a *Acked) Now() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.count
}

// Covers reports whether broker, at some time after since, answered SEND_OK for a message
// that lies behind offset.
func (a *Acked) Covers(broker string, offset, since int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, ok := a.brokers[broker]
	return ok && w.number > since && w.offset > offset
}

// commitLogOffset reads the last 16 hex digits of the last id.
func commitLogOffset(offsetMsgID string) (int64, bool) {
	id := offsetMsgID[strings.LastIndexByte(offsetMsgID, ',')+1:]
	if len(id) < 16 {
		return 0, false
	}
	var b [8]byte
	if _, err := hex.Decode(b[:], []byte(id[len(id)-16:])); err != nil {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b[:])), true
}
