package container

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// node is one node as a container; its store is in the container's own file system, which
// outlives its runs.
type node struct {
	client    *testcontainers.DockerClient
	container testcontainers.Container
	name      string
	exited    chan struct{}
}

// watch has exited closed when the run that has just been started ends.
func (n *node) watch() {
	exited := make(chan struct{})
	n.exited = exited
	wait := n.client.ContainerWait(context.Background(), n.id(), client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	go func() {
		defer close(exited)
		select {
		case <-wait.Result:
		case <-wait.Error: // removed
		}
	}()
}

func (n *node) id() string { return n.container.GetContainerID() }

func (n *node) failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("container: %s: %s: %w", n.name, what, err)
}

func (n *node) Start(ctx context.Context) error {
	if _, err := n.client.ContainerStart(ctx, n.id(), client.ContainerStartOptions{}); err != nil {
		return n.failed("start", err)
	}
	n.watch()
	return nil
}

func (n *node) isOver() bool {
	select {
	case <-n.exited:
		return true
	default:
		return false
	}
}

func (n *node) Kill() error {
	if n.isOver() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := n.client.ContainerKill(ctx, n.id(), client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return n.failed("kill", err)
	}
	return n.awaitExit(ctx, "kill")
}

func (n *node) awaitExit(ctx context.Context, what string) error {
	select {
	case <-n.exited:
		return nil
	case <-ctx.Done():
		return n.failed(what, context.Cause(ctx))
	}
}

// terminateJava asks Java to end. The first process of the container can be a shell, which
// would not hand the signal on.
const terminateJava = `for p in /proc/[0-9]*; do case $(readlink "$p/exe") in */java) kill -TERM "${p#/proc/}" ;; esac; done`

func (n *node) Stop(ctx context.Context) error {
	if n.isOver() {
		return nil
	}
	if _, _, err := n.container.Exec(ctx, []string{"sh", "-c", terminateJava}); err != nil {
		return n.failed("stop", err)
	}
	return n.awaitExit(ctx, "stop")
}

func (n *node) Pause() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		_, err := n.client.ContainerPause(ctx, n.id(), client.ContainerPauseOptions{})
		// The kernel may not have frozen every thread of a busy process in time.
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "unable to freeze") {
			return n.failed("pause", err)
		}
	}
}

func (n *node) Resume() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := n.client.ContainerUnpause(ctx, n.id(), client.ContainerUnpauseOptions{})
	return n.failed("resume", err)
}

func (n *node) Exited() <-chan struct{} { return n.exited }

func (n *node) Log() string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	logs, err := n.container.Logs(ctx)
	if err != nil {
		return "no log: " + err.Error()
	}
	defer logs.Close()
	text, err := io.ReadAll(logs)
	if err != nil {
		return string(text) + "\nno more log: " + err.Error()
	}
	return string(text)
}

func (n *node) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err := n.client.ContainerRemove(ctx, n.id(), client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	return n.failed("remove", err)
}
