package conformance_test

import (
	"os"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/conformance"
	suite "github.com/holdfast-mq/holdfast/internal/conformance"
)

func TestMain(m *testing.M) {
	rlog.SetLogLevel("fatal") // the official client's logger belongs to the process
	os.Exit(m.Run())
}

// The same scenarios run on the in-process cluster, in the root module. Those about the official
// client's consumers are in a file of their own, without the race detector.
func TestConformance(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	suite.Run(t, start, suite.Scenarios()...)
}

func start(t *testing.T, f suite.Flavour) suite.Target {
	return conformance.NewTarget(t, cluster.Run(t, conformance.Config(f)))
}
