//go:build !race

package conformance_test

import (
	"testing"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	suite "github.com/holdfast-mq/holdfast/internal/conformance"
)

func TestConformanceOfConsumers(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	suite.Run(t, start, suite.Consumers()...)
}
