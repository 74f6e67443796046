package crash_test

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
)

// Points at which a member can be told to die, as package member has them.
const (
	inHandler   = "in handler"
	afterEffect = "after effect"
	answered    = "answered"
)

// member is a process that consumes for its group.
type member struct {
	*group
	cmd    *exec.Cmd
	orders io.WriteCloser
	ended  chan struct{}

	mu    sync.Mutex
	said  map[string]bool
	fault strings.Builder
}

// start starts a member, and waits until it is one.
func (g *group) start(flags ...string) *member {
	g.Helper()
	m := g.launch(flags...)
	m.says("started")
	return m
}

func (g *group) launch(flags ...string) *member {
	g.Helper()
	flags = append([]string{"-side", g.side, "-nameserver", g.reach.NameServers[0], "-topic", g.topic, "-group", g.name, "-record", g.record}, append(g.standing, flags...)...)
	m := &member{group: g, cmd: exec.Command(g.program, flags...), ended: make(chan struct{}), said: map[string]bool{}}
	var err error
	m.orders, err = m.cmd.StdinPipe()
	require.NoError(g, err)
	output, err := m.cmd.StdoutPipe()
	require.NoError(g, err)
	m.cmd.Stderr = &locked{m: m}
	require.NoError(g, m.cmd.Start())
	go func() {
		defer close(m.ended)
		for lines := bufio.NewScanner(output); lines.Scan(); {
			m.mu.Lock()
			m.said[lines.Text()] = true
			m.mu.Unlock()
		}
		_ = m.cmd.Wait()
	}()
	g.Cleanup(func() {
		alive := m.cmd.Process.Signal(syscall.Signal(0)) == nil
		if g.Failed() {
			g.Logf("a member of %s, process %d, alive: %v, printed last:\n%s\n%s", g.name, m.cmd.Process.Pid, alive, m.printed(), g.describe())
		}
		_ = m.cmd.Process.Kill()
		<-m.ended
	})
	return m
}

// locked is where a member's errors go.
type locked struct{ m *member }

func (l *locked) Write(b []byte) (int, error) {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	return l.m.fault.Write(b)
}

func (m *member) printed() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := m.fault.String()
	return text[max(0, len(text)-2000):]
}

// says waits until the member says so.
func (m *member) says(line string) {
	m.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(tick / 10) {
		m.mu.Lock()
		said := m.said[line]
		m.mu.Unlock()
		if said {
			return
		}
		select {
		case <-m.ended:
			require.FailNow(m, "a member ended", "%s: %v: %s", m.name, m.cmd.ProcessState, m.printed())
		default:
		}
		if time.Now().After(deadline) {
			require.FailNow(m, "a member does not say: "+line, "%s: %s", m.name, m.printed())
		}
	}
}

// dieAt has the member kill itself when it next comes to the point, and waits for that.
func (m *member) dieAt(point string) {
	m.Helper()
	m.armAt(point)
	m.dies()
}

// armAt has the member kill itself when it next comes to the point.
func (m *member) armAt(point string) {
	m.Helper()
	_, err := fmt.Fprintln(m.orders, "die", point)
	require.NoError(m, err)
}

// kill is kill -9.
func (m *member) kill() {
	m.Helper()
	require.NoError(m, m.cmd.Process.Kill())
	m.dies()
}

func (m *member) dies() {
	m.Helper()
	m.ends()
	status, ok := m.cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(m, ok && status.Signal() == syscall.SIGKILL, "%s was to be killed: %v: %s", m.name, m.cmd.ProcessState, m.printed())
}

func (m *member) ends() {
	m.Helper()
	select {
	case <-m.ended:
	case <-time.After(patience):
		require.FailNow(m, "a member does not end", "%s: %s", m.name, m.printed())
	}
}

// terminate asks the member to end, as a deployment does.
func (m *member) terminate() {
	m.Helper()
	require.NoError(m, m.cmd.Process.Signal(syscall.SIGTERM))
}

// leaves waits until a member that was asked to end has ended, in order.
func (m *member) leaves() {
	m.Helper()
	m.ends()
	require.Zero(m, m.cmd.ProcessState.ExitCode(), "%s: %s", m.name, m.printed())
}
