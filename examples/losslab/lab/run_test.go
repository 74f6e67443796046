package lab

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// noBrokers is a machine that has no real brokers.
var noBrokers = Brokers{Available: func() error { return errors.New("no Java 17") }}

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
