package clustertest

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

const childVariable = "HOLDFAST_CLUSTERTEST_CHILD"

// Main is for TestMain. It runs the tests, except where StartChild has started the binary:
// there it is a program that starts a cluster, pauses its broker, says where the nodes
// listen, and waits for its end.
func Main(m *testing.M, start Start) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	c, err := start(context.Background(), cluster.Config{})
	if err == nil {
		err = c.Master(0).Pause()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.NameServer().Address(), c.Master(0).Address())
	select {}
}

// Child is the test binary as the program of Main.
type Child struct {
	*exec.Cmd
	Temp      string // its temporary folder
	addresses []string
}

// StartChild returns when the child's cluster runs.
func StartChild(t *testing.T) *Child {
	t.Helper()
	cache, err := cluster.CacheDir()
	require.NoError(t, err)
	c := &Child{Cmd: exec.CommandContext(t.Context(), os.Args[0]), Temp: t.TempDir()}
	c.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+c.Temp, "HOLDFAST_CACHE="+cache)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	c.addresses = strings.Fields(line)
	require.Len(t, c.addresses, 2)
	return c
}

// RequireGone wants nothing to listen where the nodes did; the kernel accepts connections to
// a paused one too.
func (c *Child) RequireGone(t *testing.T) {
	t.Helper()
	for _, address := range c.addresses {
		require.Eventually(t, func() bool {
			conn, err := net.DialTimeout("tcp", address, time.Second)
			if err == nil {
				_ = conn.Close()
			}
			return err != nil
		}, 20*time.Second, 20*time.Millisecond, address)
	}
}
