package container_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster/container"
	"github.com/holdfast-mq/holdfast/integration/conformance"
	suite "github.com/holdfast-mq/holdfast/internal/conformance"
)

// The scenarios that hold on the in-process cluster and on Java processes hold in containers.
func TestConformance(t *testing.T) {
	require.NoError(t, container.Available())
	suite.Run(t, func(t *testing.T, f suite.Flavour) suite.Target {
		return conformance.NewTarget(t, container.Run(t, conformance.Config(f)))
	}, suite.Scenarios()...)
}
