package official

import (
	"bytes"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// The tests in this file are not parallel: they redirect the log of the whole process.

// records is what has been logged, readable while more comes.
type records struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *records) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// logged redirects the log until the test ends.
func logged(t *testing.T, level slog.Level) *records {
	r := new(records)
	earlier := logTarget.Load()
	t.Cleanup(func() { logTarget.Store(earlier) })
	SetLogger(slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: level})))
	return r
}

func TestMessagesAreNeverFormatted(t *testing.T) {
	got := logged(t, slog.LevelDebug)
	msg := &primitive.MessageExt{Message: primitive.Message{Topic: "orders", Body: []byte("secret")}}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				msg.WithProperty("secret", time.Now().String())
			}
		}
	})
	for range 100 {
		rlog.Warning("consumeMessageCurrently error", map[string]any{
			rlog.LogKeyMessages: []*primitive.MessageExt{msg},
			"one":               msg,
			"plain":             &msg.Message,
			"result":            &primitive.SendResult{}, // String panics on this one
			"body":              msg.Body,
		})
	}
	close(stop)
	writing.Wait()
	require.NotContains(t, got.String(), "secret")
	require.Contains(t, got.String(), "messages=[]*primitive.MessageExt")
}

func TestWhatIsHarmlessIsPassedOn(t *testing.T) {
	got := logged(t, slog.LevelDebug)
	rlog.Error("text", map[string]any{
		"b": true, "d": time.Second, "e": errors.New("why"), "i": int64(-1), "n": nil, "s": "s", "u": uint8(1), "f": 0.5,
	})
	line := regexp.MustCompile(`time=\S+ `).ReplaceAllString(got.String(), "")
	require.Equal(t, "level=ERROR msg=text component=rocketmq-client-go b=true d=1s e=why f=0.5 i=-1 n=<nil> s=s u=1\n", line)
}

func TestLevels(t *testing.T) {
	got := logged(t, slog.LevelDebug)
	rlog.Debug("debug", nil)
	rlog.Info("info", nil)
	rlog.Warning("warning", nil)
	rlog.Error("error", nil)
	rlog.Fatal("fatal", nil) // the client's own logger would exit
	rlog.Error("", nil)
	require.Equal(t, []string{"DEBUG debug", "DEBUG info", "WARN warning", "ERROR error", "ERROR fatal"}, summary(got))

	quiet := logged(t, slog.LevelInfo)
	rlog.Info("info", nil)
	rlog.SetLogLevel("debug")
	require.NoError(t, rlog.SetOutputPath(t.TempDir()+"/log"))
	rlog.Info("info", nil)
	require.Empty(t, quiet.String(), "the level is the handler's, whatever the client is told")
}

func summary(r *records) (lines []string) {
	for _, m := range regexp.MustCompile(`level=(\w+) msg=(\w+)`).FindAllStringSubmatch(r.String(), -1) {
		lines = append(lines, m[1]+" "+m[2])
	}
	return lines
}

// An outage must not fill the log at the rate of the sends.
func TestWhatIsRepeatedForEverySendIsForDebugging(t *testing.T) {
	got := logged(t, slog.LevelInfo)
	ns := listen(t, func(p peer, c *remoting.Command) { p.answer(c, remoting.TopicNotExist, "", nil, nil) })
	_, err := running(t, at(ns)).SendSync(t.Context(), message())
	require.Equal(t, NoRoute, Classify(err).Kind)
	_, err = running(t, at(nameServer(t, nobody(t)))).SendSync(t.Context(), message())
	require.Equal(t, Dial, Classify(err).Kind)
	_, err = running(t, holdfast.Cluster{NameServers: []string{nobody(t)}}).SendSync(t.Context(), message())
	require.Equal(t, NoRoute, Classify(err).Kind)
	require.Equal(t, Write, Classify(resetWhileWriting(t)).Kind)
	require.Empty(t, got.String())

	detailed := logged(t, slog.LevelDebug)
	_, err = running(t, at(ns)).SendSync(t.Context(), message())
	require.Equal(t, NoRoute, Classify(err).Kind)
	require.Contains(t, detailed.String(), "topic route info is nil or empty")
}

func TestTheLastLoggerWinsWhileClientsRun(t *testing.T) {
	first := logged(t, slog.LevelDebug)
	second := new(records)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 200 {
				rlog.Warning("while", map[string]any{"i": 1})
			}
		})
	}
	running.Go(func() { SetLogger(slog.New(slog.NewTextHandler(second, nil))) })
	running.Wait()
	SetLogger(nil)
	rlog.Warning("last", nil)
	require.NotContains(t, first.String(), "last")
	require.Contains(t, second.String(), "last", "nil changes nothing")
	require.Equal(t, 800, strings.Count(first.String()+second.String(), "while"))
}

func TestWithoutATargetTheDefaultLoggerIsUsed(t *testing.T) {
	logged(t, slog.LevelInfo) // puts the target back in the end
	logTarget.Store(nil)
	got := new(records)
	earlier := slog.Default()
	t.Cleanup(func() { slog.SetDefault(earlier) })
	slog.SetDefault(slog.New(slog.NewTextHandler(got, nil)))
	SetLogger(nil)
	rlog.Warning("default", nil)
	require.Contains(t, got.String(), "default")
}
