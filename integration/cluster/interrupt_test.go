package cluster_test

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/cluster/clustertest"
)

func TestMain(m *testing.M) { clustertest.Main(m, cluster.Start) }

// folders of nodes in the temporary folder of a child.
func folders(t *testing.T, child *clustertest.Child) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(child.Temp, "holdfast-node-*"))
	require.NoError(t, err)
	return found
}

func TestInterruptLeavesNothing(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			child := clustertest.StartChild(t)
			require.Len(t, folders(t, child), 2)
			require.NoError(t, child.Process.Signal(signal))

			var exit *exec.ExitError
			require.ErrorAs(t, child.Wait(), &exit)
			require.Equal(t, signal, exit.Sys().(syscall.WaitStatus).Signal(), "the program ends as if nobody had handled the signal")
			child.RequireGone(t)
			require.Empty(t, folders(t, child))
		})
	}
}

func TestNodesDieWithAKilledProcess(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	child := clustertest.StartChild(t)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	child.RequireGone(t)
}
