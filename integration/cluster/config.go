package cluster

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultVersion is the RocketMQ version of a Config that names none.
const DefaultVersion = "5.4.0"

// Flavour is how many brokers a cluster has and what an acknowledged message survives.
type Flavour int

const (
	// SyncFlush is one master that answers SEND_OK only after an fsync. It is the default.
	SyncFlush Flavour = iota
	// AsyncFlush is one master that answers before anything is flushed.
	AsyncFlush
	// TwoBrokers is two masters, broker-a and broker-b, each like SyncFlush.
	TwoBrokers
	// MasterSlave is one SYNC_MASTER and its slave with inSyncReplicas=2, both SYNC_FLUSH:
	// SEND_OK means flushed by the master and received by the slave.
	MasterSlave
)

// String is the flavour in a few words.
func (f Flavour) String() string {
	switch f {
	case SyncFlush:
		return "one broker, SYNC_FLUSH"
	case AsyncFlush:
		return "one broker, ASYNC_FLUSH"
	case TwoBrokers:
		return "two brokers, SYNC_FLUSH"
	case MasterSlave:
		return "master and slave, SYNC_MASTER, inSyncReplicas=2"
	default:
		return fmt.Sprintf("Flavour(%d)", int(f))
	}
}

// Config says which cluster to start. The zero Config is one SYNC_FLUSH broker of
// DefaultVersion without access control.
type Config struct {
	Flavour Flavour

	// Version is a RocketMQ release, such as 4.9.7. Empty means DefaultVersion.
	Version string

	// Extra are keys of broker.conf for every broker; they win over the flavour's own.
	Extra map[string]string

	// ACL turns access control on: ACL 2.0 (authentication and authorization) on 5.x, ACL 1.0
	// (plain_acl.yml) on 4.x. Cluster.Holdfast then carries the account of an administrator.
	ACL bool

	// JVM are flags for the brokers' Java processes; they come last and win. The defaults are
	// for tests on a small machine: a heap of 512 MiB and the first compiler only.
	JVM []string
}

func (c Config) withDefaults() Config {
	if c.Version == "" {
		c.Version = DefaultVersion
	}
	return c
}

func (c Config) validate() error {
	var complaints []error
	if c.Flavour < SyncFlush || c.Flavour > MasterSlave {
		complaints = append(complaints, fmt.Errorf("cluster: Flavour %d is unknown: use one of the constants", int(c.Flavour)))
	}
	if !c.is4x() && !strings.HasPrefix(c.Version, "5.") {
		complaints = append(complaints, fmt.Errorf("cluster: Version %q is neither 4.x nor 5.x: give a release such as %s", c.Version, DefaultVersion))
	}
	for key, value := range c.Extra {
		if key == "" || strings.ContainsAny(key, "=\r\n") || strings.ContainsAny(value, "\r\n") {
			complaints = append(complaints, fmt.Errorf("cluster: Extra[%q]=%q does not fit on one line of broker.conf: take the line break or = out", key, value))
		}
	}
	return errors.Join(complaints...)
}

func (c Config) is4x() bool { return strings.HasPrefix(c.Version, "4.") }
