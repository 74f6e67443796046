package send

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"time"
)

// Acked remembers how far into each broker's commit log SEND_OK has reached.
//
// A message that is found in a broker's index is stored, not durable. But the log is one
// sequence, and a broker that waits for a flush or a replica waits for all that lies before:
// once it has answered SEND_OK for a message at a higher offset, what lies lower is as
// durable.
//
// That holds within one log. Another master that has taken over the broker's name has
// another; its host tells them apart. And a log can lose its end, where it is not flushed
// before SEND_OK: then what is written anew lies below answers from before. So an answer
// vouches only for a copy whose attempt had begun when it came; and only if it had come before
// the copy was looked for, because in between the log can lose what was found:
//
//	look-up            broker
//	-------            ------
//	finds X at 400
//	                   power failure: the log ends at 300
//	                   Y is written at 450, SEND_OK
//	X lies before Y    but X is gone
type Acked struct {
	mu   sync.Mutex
	logs Marks
}

// Marks are what Acked knew at one time.
type Marks map[log]watermark

// log is a broker's commit log on one host.
type log struct{ broker, host string }

// watermark is the newest SEND_OK, not the highest, for the end of a log can be lost.
type watermark struct {
	offset int64
	at     int64 // milliseconds since 1970, as a message's BornTimestamp
}

// Note records a SEND_OK that has just come: offsetMsgID is one id, or the ids of a batch
// with commas between.
func (a *Acked) Note(broker, offsetMsgID string) {
	host, offset, ok := splitOffsetMsgID(offsetMsgID)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.logs == nil {
		a.logs = Marks{}
	}
	a.logs[log{broker, host}] = watermark{offset, time.Now().UnixMilli()}
}

// Marks returns what is known now: take them before a look-up.
func (a *Acked) Marks() Marks {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.logs)
}

// Covers reports whether the broker had answered SEND_OK for a message that lies behind the
// copy in the same log, after the attempt that stored the copy had begun. For a copy that
// another process sent, that is by the other's clock.
func (m Marks) Covers(copy Found) bool {
	host, offset, ok := splitOffsetMsgID(copy.Message.OffsetMsgID())
	if !ok {
		return false
	}
	w, ok := m[log{copy.Broker, host}]
	return ok && w.offset > offset && w.at > copy.Message.BornTimestamp
}

// splitOffsetMsgID takes the last id apart: address and port of the broker, and 16 hex digits
// of commit-log offset.
func splitOffsetMsgID(offsetMsgID string) (host string, offset int64, ok bool) {
	id := offsetMsgID[strings.LastIndexByte(offsetMsgID, ',')+1:]
	if len(id) < 16 {
		return "", 0, false
	}
	var b [8]byte
	if _, err := hex.Decode(b[:], []byte(id[len(id)-16:])); err != nil {
		return "", 0, false
	}
	return id[:len(id)-16], int64(binary.BigEndian.Uint64(b[:])), true
}
