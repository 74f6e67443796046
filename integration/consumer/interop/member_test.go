package interop_test

import (
	"bufio"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// member is a process with the official Java client in it, which consumes.
type member struct {
	t     *testing.T
	input io.Closer
	done  chan error

	mu   sync.Mutex
	seen []seen
	log  strings.Builder
}

// seen is a message as the Java client handed it over.
type seen struct {
	topic, id          string
	reconsumeTimes     int
	retryTopic, origin string
	own, body          string
}

// compile compiles the programs in java with the jars of the brokers.
func compile(t *testing.T) (classPath string) {
	t.Helper()
	jars, err := cluster.FetchJars(t.Context(), cluster.DefaultVersion)
	require.NoError(t, err)
	javac, err := exec.LookPath("javac")
	require.NoError(t, err, "javac is not on the PATH: install a JDK 17, such as Debian's openjdk-17-jdk-headless")
	classes := t.TempDir()
	sources, err := filepath.Glob("java/*.java")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	classPath = filepath.Join(jars, "*") + string(filepath.ListSeparator) + classes
	out, err := exec.CommandContext(t.Context(), javac, append([]string{"-cp", classPath, "-d", classes}, sources...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return classPath
}

// join starts a member whose verdict on every message is "success" or "later".
func join(t *testing.T, c *cluster.Cluster, group, topic, verdict string) *member {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, "java", "-XX:TieredStopAtLevel=1", "-Xmx128m", "-XX:-UsePerfData", "-Drocketmq.client.logUseSlf4j=true",
		"-cp", compile(t), "Member", c.Holdfast().NameServers[0], group, topic, verdict)
	input, err := cmd.StdinPipe()
	require.NoError(t, err)
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	m := &member{t: t, input: input, done: make(chan error, 1)}
	cmd.Stderr = &m.log
	require.NoError(t, cmd.Start())
	started := make(chan struct{})
	go func() {
		m.read(output, started)
		m.done <- cmd.Wait()
		close(m.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-m.done
	})
	select {
	case <-started:
	case err := <-m.done:
		require.FailNow(t, "the Java member ended", "%v: %s", err, m.log.String())
	case <-time.After(patience):
		require.FailNow(t, "the Java member did not start")
	}
	return m
}

func (m *member) read(output io.Reader, started chan<- struct{}) {
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		switch {
		case fields[0] == "started":
			close(started)
		case fields[0] == "message" && len(fields) == 8:
			times, err := strconv.Atoi(fields[3])
			if err != nil {
				times = -1
			}
			m.mu.Lock()
			m.seen = append(m.seen, seen{fields[1], fields[2], times, fields[4], fields[5], fields[6], fields[7]})
			m.mu.Unlock()
		}
	}
}

// got waits for n messages.
func (m *member) got(n int) []seen {
	m.t.Helper()
	var all []seen
	require.Eventually(m.t, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		all = append([]seen{}, m.seen...)
		return len(all) >= n
	}, patience, tick, "messages at the Java member")
	return all
}

// leave has the member shut down in order.
func (m *member) leave() {
	m.t.Helper()
	require.NoError(m.t, m.input.Close())
	select {
	case err := <-m.done:
		require.NoError(m.t, err)
	case <-time.After(patience):
		require.FailNow(m.t, "the Java member did not end")
	}
}
