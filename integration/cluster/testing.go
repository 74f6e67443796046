package cluster

import (
	"context"
	"testing"
	"time"
)

// Available says whether Start can work here: nil if Java 17 is there, and Maven, or the jars
// of DefaultVersion in the cache already. The error names what to install.
func Available() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := findJava(ctx); err != nil {
		return err
	}
	d, err := newDistribution(DefaultVersion)
	if err != nil || d.fetched() {
		return err
	}
	_, err = findMaven()
	return err
}

// Require ends the test as failed where real brokers cannot be started. It never skips:
// whoever wants to run without them asks Available before.
func Require(tb testing.TB) {
	tb.Helper()
	if err := Available(); err != nil {
		tb.Fatal(err)
	}
}

// Run starts a cluster that is closed when the test ends, and ends the test as failed if it
// cannot. When the test has failed, what each node printed last is logged.
func Run(tb testing.TB, config Config) *Cluster {
	tb.Helper()
	c, err := Start(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	CloseWith(tb, c)
	return c
}

// CloseWith has the cluster closed when the test ends, as Run does.
func CloseWith(tb testing.TB, c *Cluster) {
	tb.Helper()
	tb.Cleanup(func() {
		if tb.Failed() {
			for _, n := range c.Nodes() {
				tb.Logf("%s printed last:\n%s", n.Name(), lastLines(n.Log(), logLinesShown))
			}
		}
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
}
