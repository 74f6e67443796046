package official

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var (
	installLogger sync.Once
	logTarget     atomic.Pointer[slog.Logger] // nil means slog.Default
)

// SetLogger sends what the official client logs, in the whole process, to l. The last call
// wins; nil leaves the target of an earlier call, or slog.Default if there was none. The
// client's own logger is replaced by the first call only; that write races with clients that
// already run, so the first call comes before them. Later calls are safe at any time.
//
// Nothing that could be a message is ever formatted, because formatting one while it is being
// sent can kill the process: strings, numbers, bools, errors and durations are passed on,
// of anything else only the type's name. What the client repeats for every failing send is
// logged at debug level, since the send's own error says it; and so are its info records.
// Its fatal records do not end the process.
func SetLogger(l *slog.Logger) {
	if l != nil {
		logTarget.Store(l.With("component", "rocketmq-client-go"))
	}
	installLogger.Do(func() { rlog.SetLogger(bridge{}) })
}

func logger() *slog.Logger {
	if l := logTarget.Load(); l != nil {
		return l
	}
	return slog.Default()
}

// bridge is an rlog.Logger over logTarget.
type bridge struct{}

var _ rlog.Logger = bridge{}

// perSend are the records that the client writes at a higher level once for every send, name
// server or heartbeat that fails, again and again while a cluster is away.
var perSend = map[string]bool{
	"can not find proper message queue":        true,
	"conn error, close connection":             true,
	"connect to namesrv failed.":               true,
	"consumeMessage Orderly return not OK":     true, // at every turn of a queue that waits
	"query topic route from server error":      true,
	"queryTopicRouteInfoFromServer return nil": true,
	"send heart beat to broker error":          true,
	"start retrying to send, ":                 true,
	"topic route info is nil or empty":         true,
}

func (bridge) Debug(msg string, fields map[string]any)   { write(slog.LevelDebug, msg, fields) }
func (bridge) Info(msg string, fields map[string]any)    { write(slog.LevelDebug, msg, fields) }
func (bridge) Warning(msg string, fields map[string]any) { write(slog.LevelWarn, msg, fields) }
func (bridge) Error(msg string, fields map[string]any)   { write(slog.LevelError, msg, fields) }
func (bridge) Fatal(msg string, fields map[string]any)   { write(slog.LevelError, msg, fields) }

// Level and OutputPath do nothing: both are the slog handler's business.
func (bridge) Level(string)            {}
func (bridge) OutputPath(string) error { return nil }

func write(level slog.Level, msg string, fields map[string]any) {
	if perSend[msg] {
		level = slog.LevelDebug
	}
	ctx, l := context.Background(), logger()
	if msg == "" && len(fields) == 0 || !l.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, len(fields))
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		attrs = append(attrs, slog.Any(key, harmless(fields[key])))
	}
	l.LogAttrs(ctx, level, msg, attrs...)
}

// harmless returns v if printing it cannot touch anything that somebody else may be writing,
// and otherwise the name of its type.
func harmless(v any) any {
	switch v := v.(type) {
	case nil, string, bool, error, time.Duration,
		int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64:
		return v
	default:
		return fmt.Sprintf("%T", v)
	}
}
