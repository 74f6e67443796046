package producer_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// stopThread makes one thread of a node's Java process stand still, the others not, until
// resume is called or the test ends. Java gives its threads' names, cut to 15 bytes, to the
// system.
func (on *world) stopThread(n *cluster.Node, name string) (resume func()) {
	on.Helper()
	thread := on.thread(on.process(n), name)
	stopped, goOn, gone := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		runtime.LockOSThread() // only the system's thread that stopped it can let it go on
		defer runtime.UnlockOSThread()
		if err := syscall.PtraceAttach(thread); err != nil {
			stopped <- fmt.Errorf("ptrace thread %d, as a debugger does: %w", thread, err)
			return
		}
		_, err := syscall.Wait4(thread, nil, syscall.WALL, nil)
		stopped <- err
		<-goOn
		_ = syscall.PtraceDetach(thread)
	}()
	err := <-stopped
	done := false
	resume = func() {
		if !done {
			done = true
			close(goOn)
			<-gone
		}
	}
	on.Cleanup(resume)
	require.NoError(on, err)
	return resume
}

// process is the node's: the child of this one whose configuration has the node's port.
func (on *world) process(n *cluster.Node) int {
	on.Helper()
	_, port, _ := strings.Cut(n.Address(), ":")
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(on, err)
	for _, file := range commands {
		command, _ := os.ReadFile(file) // gone meanwhile, or somebody else's
		arguments := strings.Split(string(command), "\x00")
		for i, argument := range arguments[:len(arguments)-1] {
			if argument != "-c" {
				continue
			}
			conf, _ := os.ReadFile(arguments[i+1])
			if bytes.Contains(conf, []byte("\nlistenPort="+port+"\n")) {
				pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
				require.NoError(on, err)
				return pid
			}
		}
	}
	require.FailNow(on, "no process of "+n.Name())
	return 0
}

func (on *world) thread(pid int, name string) int {
	on.Helper()
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	require.NoError(on, err)
	var all []string
	for _, file := range names {
		comm, _ := os.ReadFile(file)
		all = append(all, strings.TrimSpace(string(comm)))
		if strings.TrimSpace(string(comm)) == name {
			id, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			require.NoError(on, err)
			return id
		}
	}
	require.FailNow(on, "no thread of that name", "%s: %v", name, all)
	return 0
}
