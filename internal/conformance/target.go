package conformance

import (
	"context"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/fault"
)

// Flavour is what a cluster must be like for a scenario.
type Flavour int

const (
	// Open is one SYNC_FLUSH broker that creates topics and groups when they are first used,
	// delivers DELAY=1 and 2 within seconds and forgets queue locks within seconds. It has
	// none but the default limits.
	Open Flavour = iota
	// Strict is one broker that creates nothing by itself and refuses unsigned requests.
	Strict
	// Replicated is one SYNC_MASTER with inSyncReplicas=2 and its slave.
	Replicated
)

// String is the flavour's name.
func (f Flavour) String() string { return [...]string{"open", "strict", "replicated"}[f] }

// Target is a cluster under test, and the faults that can be made to happen on it: a name
// server and one broker, which is a master, and a slave if it is Replicated. Everything that
// can fail returns its error.
type Target interface {
	// Cluster is how clients reach it, with the credentials of an account that may do
	// anything if it is Strict. Every fault below is felt by who uses it.
	Cluster() holdfast.Cluster

	// Intercept scripts faults by request, as rmqtest does.
	Intercept(kind fault.Kind, f func(*fault.Request) fault.Action) *fault.Fault

	// Kill ends the broker as kill -9 does; Restart brings it back on the same address with
	// the store it left, and returns when the name server routes to it.
	Kill(ctx context.Context) error
	Restart(ctx context.Context) error

	// Pause makes the broker stand still, as SIGSTOP does; Resume lets it go on.
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error

	// Unplug makes the broker, or the name server, unreachable: connections break and new ones
	// are refused, though it runs. Plug undoes that.
	Unplug(Part) error
	Plug(Part) error

	// StallFlush makes sends be answered FLUSH_DISK_TIMEOUT, until ResumeFlush.
	StallFlush(ctx context.Context) error
	ResumeFlush(ctx context.Context) error

	// StopSlave takes the slave away, until StartSlave.
	StopSlave(ctx context.Context) error
	StartSlave(ctx context.Context) error
}

// Part is a part of a cluster.
type Part int

// Parts.
const (
	Broker Part = iota
	NameServer
)
