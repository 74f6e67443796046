package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/cluster/clustertest"
)

func TestProcesses(t *testing.T) {
	cluster.Require(t)
	clustertest.Suite(t, cluster.Start, "5.4.0", "4.9.7")
}

func TestAccountsNeedACL(t *testing.T) {
	t.Parallel()
	cluster.Require(t)
	c := cluster.Run(t, cluster.Config{})
	_, err := c.CreateAccount(t.Context(), cluster.Account{AccessKey: "somebody", SecretKey: "something"})
	require.ErrorContains(t, err, "start it with Config.ACL")
}
