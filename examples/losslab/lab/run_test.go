package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// noBrokers is a machine that has no real brokers.
var noBrokers = Brokers{Available: func() error { return errors.New("no Java 17") }}

// The whole lab on the model broker, with few orders: every fault bites the raw client, and
// holdfast loses and misreports nothing. Not in parallel with the other test that runs the
// lab: raw clients of one name share a connection in the whole process.
func TestLabOnTheModelBroker(t *testing.T) {
	var out, complaints bytes.Buffer

	exit := run(t.Context(), noBrokers, []string{"-orders=120"}, &out, &complaints)

	require.Equal(t, exitHeld, exit, "%s%s", out.String(), complaints.String())
	require.Empty(t, complaints.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Contains(t, lines[0], "model broker")
	require.Contains(t, lines[0], "no Java 17")
	require.Regexp(t, regexp.MustCompile(
		`^verdict: raw lost [1-9]\d* doubled [1-9]\d* unexpected [1-9]\d*; holdfast lost 0 doubled \d+ unexpected 0 \(model broker\)$`),
		lines[len(lines)-1])
}

// An interrupt ends the lab in the middle of a fault.
func TestInterrupt(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	out := &watcher{until: "broker frozen\n", then: interrupt}

	exit := run(ctx, noBrokers, []string{"-target=model", "-orders=60"}, out, io.Discard)

	require.Equal(t, exitInterrupt, exit)
	require.NotContains(t, out.text.String(), "verdict")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		args []string
		says string
		exit int
	}{
		"unknown target": {[]string{"-target=moon"}, "-target=moon is unknown", exitFailed},
		"too few":        {[]string{"-orders=1"}, "at least 60", exitFailed},
		"unknown flag":   {[]string{"-loud"}, "-loud", exitFailed},
		"help":           {[]string{"-h"}, "-orders", exitHeld},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var complaints bytes.Buffer
			require.Equal(t, row.exit, run(t.Context(), noBrokers, row.args, io.Discard, &complaints))
			require.Contains(t, complaints.String(), row.says)
		})
	}
}

// watcher calls then when it has been written until.
type watcher struct {
	text  bytes.Buffer
	until string
	then  func()
}

func (w *watcher) Write(p []byte) (int, error) {
	if strings.HasSuffix(string(p), w.until) {
		w.then()
	}
	return w.text.Write(p)
}
