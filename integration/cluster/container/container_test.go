package container_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/cluster/clustertest"
	"github.com/holdfast-mq/holdfast/integration/cluster/container"
)

func TestContainers(t *testing.T) {
	require.NoError(t, container.Available())
	clustertest.Suite(t, container.Start, cluster.DefaultVersion)
}
