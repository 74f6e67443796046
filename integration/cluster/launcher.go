package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind tells a name server from a broker.
type Kind int

const (
	// NameServer keeps the routes.
	NameServer Kind = iota
	// Broker keeps the messages.
	Broker
)

// Spec is one node to launch. Its addresses are 127.0.0.1, for clients and for other nodes.
type Spec struct {
	Name     string // unique in the cluster
	Kind     Kind
	Version  string
	Port     int               // a broker uses Port-2 and Port+1 too
	Broker   string            // broker name; empty for a name server
	BrokerID string            // "0" for a master
	Config   map[string]string // of namesrv.conf or broker.conf, without paths
	Files    map[string]string // further files by name, for the folder conf of ROCKETMQ_HOME
	JVM      []string          // flags for Java, after those that the launcher's own Java needs

	// Lock is a file that is locked for as long as the cluster's process lives, see Abandoned.
	Lock string
}

// LogConfigFile is the one of Spec.Files that 5.x must be told by
// -Drmq.logback.configurationFile; 4.x finds its own in the folder conf.
const LogConfigFile = "rmq.logback.xml"

// Abandoned says whether the process whose Spec.Lock this was has ended. What it left may be
// removed.
func Abandoned(lock string) bool {
	l, err := tryLock(lock)
	if err != nil {
		return false
	}
	l.unlock()
	return true
}

// ConfigText is Config and paths as the text of a configuration file, sorted by key.
func (s Spec) ConfigText(paths map[string]string) string {
	config := maps.Clone(s.Config)
	maps.Copy(config, paths)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(config)) {
		fmt.Fprintf(&text, "%s=%s\n", key, config[key])
	}
	return text.String()
}

// StorePaths are the keys that put a broker's store into dir.
func StorePaths(dir string) map[string]string {
	return map[string]string{"storePathRootDir": dir, "storePathCommitLog": dir + "/commitlog"}
}

// Launcher is one way to run nodes: as Java processes, or in containers.
type Launcher interface {
	// Prepare makes sure that what nodes of the version are made of is there. It is called
	// once per cluster, before the first Launch; it may download.
	Prepare(ctx context.Context, version string) error

	// Launch makes a node and starts it. It does not wait until the node is ready. On error
	// nothing is left behind.
	Launch(ctx context.Context, spec Spec) (Process, error)
}

// Process is one launched node. Its methods are called one at a time, only Log at any time.
type Process interface {
	// Start starts the node again on the store it has; it must not be running.
	Start(ctx context.Context) error
	// Kill ends it at once with SIGKILL, paused or not, and returns when it is gone.
	Kill() error
	// Stop lets it shut down in order and returns when it is gone; when ctx ends before that,
	// the error is ctx's and the node may still be running.
	Stop(ctx context.Context) error
	// Pause makes it stand still, as SIGSTOP does, until Resume or Kill.
	Pause() error
	Resume() error
	// Exited is closed when the run that was started last has ended.
	Exited() <-chan struct{}
	// Log is what the node has printed, of all its runs.
	Log() string
	// Remove kills the node if it runs and removes its store.
	Remove() error
}
