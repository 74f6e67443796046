package container_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/cluster/clustertest"
	"github.com/holdfast-mq/holdfast/integration/cluster/container"
)

func TestMain(m *testing.M) { clustertest.Main(m, container.Start) }

func TestContainers(t *testing.T) {
	require.NoError(t, container.Available())
	clustertest.Suite(t, container.Start, cluster.DefaultVersion)
}

func TestInterruptLeavesNothing(t *testing.T) {
	t.Parallel()
	child := clustertest.StartChild(t)
	require.NoError(t, child.Process.Signal(os.Interrupt))
	require.Error(t, child.Wait())
	child.RequireGone(t)
}

func TestContainersOfAKilledProcessAreRemovedByTheNext(t *testing.T) {
	t.Parallel()
	child := clustertest.StartChild(t)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())

	container.Run(t, cluster.Config{})
	child.RequireGone(t)
}
