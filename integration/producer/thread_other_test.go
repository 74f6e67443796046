//go:build !linux

package producer_test

import (
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// stopThread ends the test as failed: it is there on Linux only.
func (on *world) stopThread(*cluster.Node, string) (resume func()) {
	on.Helper()
	require.FailNow(on, "one thread of a process can be stopped on Linux only: run the test there")
	return nil
}
