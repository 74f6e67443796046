package container

import (
	"context"
	"fmt"
	"maps"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

const (
	// lockLabel has the file that the owner of a container holds locked.
	lockLabel = "holdfast.lock"

	home  = "/home/rocketmq"
	store = home + "/store"
	conf  = home + "/node.conf" // in a folder of the user's own: a broker rewrites it
)

// launcher runs nodes as containers.
type launcher struct {
	client *testcontainers.DockerClient
}

// quiet keeps testcontainers from reporting every step.
var quiet = sync.OnceFunc(func() { log.SetDefault(log.NewNoopLogger()) })

func newClient(ctx context.Context) (*testcontainers.DockerClient, error) {
	quiet()
	docker, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err == nil {
		_, err = docker.Ping(ctx, client.PingOptions{})
	}
	if err != nil {
		return nil, fmt.Errorf("container: no Docker daemon answers: %w: start one, or set DOCKER_HOST", err)
	}
	return docker, nil
}

func (l *launcher) Prepare(ctx context.Context, _ string) error {
	var err error
	if l.client, err = newClient(ctx); err != nil {
		return err
	}
	return l.removeAbandoned(ctx)
}

// removeAbandoned removes the containers of processes that ended without Close.
func (l *launcher) removeAbandoned(ctx context.Context) error {
	found, err := l.client.ContainerList(ctx, client.ContainerListOptions{
		All: true, Filters: make(client.Filters).Add("label", lockLabel),
	})
	if err != nil {
		return fmt.Errorf("container: look for abandoned containers: %w", err)
	}
	for _, c := range found.Items {
		if cluster.Abandoned(c.Labels[lockLabel]) {
			_, _ = l.client.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		}
	}
	return nil
}

func (l *launcher) Launch(ctx context.Context, spec cluster.Spec) (cluster.Process, error) {
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		Started: true,
		Logger:  log.NewNoopLogger(),
		ContainerRequest: testcontainers.ContainerRequest{
			Image:  imageOf(spec.Version),
			Cmd:    []string{"sh", program(spec.Kind), "-c", conf},
			Env:    environment(spec),
			Files:  files(spec),
			Labels: map[string]string{lockLabel: spec.Lock},
			HostConfigModifier: func(h *container.HostConfig) {
				h.NetworkMode = "host"
			},
		},
	})
	if err != nil {
		if c != nil {
			_ = testcontainers.TerminateContainer(c)
		}
		return nil, fmt.Errorf("container: %s: %w: if the image cannot be fetched, make image builds one", spec.Name, err)
	}
	n := &node{client: l.client, container: c, name: spec.Name}
	n.watch()
	return n, nil
}

func program(kind cluster.Kind) string {
	if kind == cluster.NameServer {
		return "mqnamesrv"
	}
	return "mqbroker"
}

// environment is read by the scripts of the image. Those of some releases take the heap from
// one variable, those of others from another; the flags in JAVA_OPT_EXT come last and win.
func environment(spec cluster.Spec) map[string]string {
	flags := append([]string{
		"-XX:-AlwaysPreTouch",
		"-Drmq.logback.configurationFile=" + path.Join(homeOf(spec.Version), "conf", cluster.LogConfigFile),
	}, spec.JVM...)
	return map[string]string{
		"HEAP_OPTS":         "-Xmx512m",
		"MAX_POSSIBLE_HEAP": "536870912",
		"JAVA_OPT_EXT":      strings.Join(flags, " "),
	}
}

// homeOf is ROCKETMQ_HOME in the image.
func homeOf(version string) string { return path.Join(home, "rocketmq-"+version) }

func files(spec cluster.Spec) []testcontainers.ContainerFile {
	paths := map[string]string{}
	if spec.Kind == cluster.Broker {
		paths = cluster.StorePaths(store)
	}
	texts := map[string]string{conf: spec.ConfigText(paths)}
	for name, text := range spec.Files {
		texts[path.Join(homeOf(spec.Version), "conf", name)] = text
	}
	var files []testcontainers.ContainerFile
	for name := range maps.Keys(texts) {
		files = append(files, testcontainers.ContainerFile{
			Reader: strings.NewReader(texts[name]), ContainerFilePath: name, FileMode: 0o666,
		})
	}
	return files
}

// patience bounds one request to the Docker daemon that has no ctx of its own.
const patience = time.Minute
