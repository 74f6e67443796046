package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

const childVariable = "HOLDFAST_CLUSTER_TEST_CHILD"

// TestMain makes the test binary, run again by a test, a program that starts a cluster, says
// where its nodes listen, and waits for its end.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	c, err := cluster.Start(context.Background(), cluster.Config{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := c.Master(0).Pause(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(c.NameServer().Address(), c.Master(0).Address())
	select {}
}

// child is the program of TestMain, running.
type child struct {
	cmd       *exec.Cmd
	temp      string // its temporary folder
	addresses []string
}

func startChild(t *testing.T) *child {
	t.Helper()
	cluster.Require(t)
	c := &child{cmd: exec.CommandContext(t.Context(), os.Args[0]), temp: t.TempDir()}
	cache, err := cluster.CacheDir()
	require.NoError(t, err)
	c.cmd.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+c.temp, "HOLDFAST_CACHE="+cache)
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	c.addresses = strings.Fields(line)
	require.Len(t, c.addresses, 2)
	require.NotEmpty(t, c.folders(t))
	return c
}

func (c *child) folders(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(c.temp, "holdfast-node-*"))
	require.NoError(t, err)
	return folders
}

// requireGone wants nothing to listen where the nodes did, a paused one included.
func (c *child) requireGone(t *testing.T) {
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

func TestInterruptLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			c := startChild(t)
			require.NoError(t, c.cmd.Process.Signal(signal))

			var exit *exec.ExitError
			require.ErrorAs(t, c.cmd.Wait(), &exit)
			require.Equal(t, signal, exit.Sys().(syscall.WaitStatus).Signal(), "the program ends as if nobody had handled the signal")
			c.requireGone(t)
			require.Empty(t, c.folders(t))
		})
	}
}

func TestNodesDieWithAKilledProcess(t *testing.T) {
	t.Parallel()
	c := startChild(t)
	require.NoError(t, c.cmd.Process.Kill())
	require.Error(t, c.cmd.Wait())
	c.requireGone(t)
}
