// Package clustertest is what every way to run clusters must keep to.
package clustertest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Start starts a cluster in the way that is tested; Close it.
type Start func(context.Context, cluster.Config) (*cluster.Cluster, error)

// Suite tests one way to run clusters, with each of the given RocketMQ versions where they
// differ and with the default version alone where they do not.
func Suite(t *testing.T, start Start, versions ...string) {
	s := suite{start}
	for name, test := range map[string]func(*testing.T){
		"StopAndRestart":    s.stopAndRestart,
		"Pause":             s.pause,
		"KillWhilePaused":   s.killWhilePaused,
		"NameServerRestart": s.nameServerRestart,
		"TwoBrokers":        s.twoBrokers,
		"ExtraKeys":         s.extraKeys,
		"FailedStart":       s.failedStart,
		"Close":             s.close,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
	for name, test := range map[string]func(*testing.T, string){
		"KillAndRestart": s.killAndRestart,
		"MasterSlave":    s.masterSlave,
		"ACL":            s.acl,
	} {
		for _, version := range versions {
			t.Run(name+"/"+version, func(t *testing.T) {
				t.Parallel()
				test(t, version)
			})
		}
	}
}

type suite struct{ start Start }

// cluster is a running cluster with the topic created, and a client for it.
func (s suite) cluster(t *testing.T, config cluster.Config) (*cluster.Cluster, client) {
	t.Helper()
	c, err := s.start(t.Context(), config)
	require.NoError(t, err)
	cluster.CloseWith(t, c)
	require.NoError(t, c.CreateTopic(t.Context(), topic, queues))
	return c, newClient(t, c.Holdfast())
}

func (s suite) killAndRestart(t *testing.T, version string) {
	c, remote := s.cluster(t, cluster.Config{Version: version})
	broker := c.Master(0)
	require.Equal(t, "SYNC_FLUSH", remote.configured(t, broker, "flushDiskType"))
	bodies := remote.mustSend(t, broker, 20)

	require.NoError(t, broker.Kill())
	_, err := remote.send(t.Context(), broker, 0, "nobody there")
	require.Error(t, err)
	require.NoError(t, broker.Restart(t.Context()))

	require.ElementsMatch(t, bodies, remote.stored(t))
	remote.mustSend(t, broker, 1)
}

func (s suite) stopAndRestart(t *testing.T) {
	c, remote := s.cluster(t, cluster.Config{Flavour: cluster.AsyncFlush})
	broker := c.Master(0)
	require.Equal(t, "ASYNC_FLUSH", remote.configured(t, broker, "flushDiskType"))
	bodies := remote.mustSend(t, broker, 20)

	require.NoError(t, broker.Restart(t.Context()), "a running broker is stopped in order first")

	require.ElementsMatch(t, bodies, remote.stored(t))
}

func (s suite) pause(t *testing.T) {
	c, remote := s.cluster(t, cluster.Config{})
	broker := c.Master(0)
	remote.mustSend(t, broker, 1)

	require.NoError(t, broker.Pause())
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	_, err := remote.send(short, broker, 0, "late")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	var transport *remoting.TransportError
	require.ErrorAs(t, err, &transport)
	require.True(t, transport.Sent, "the connection stays open")

	require.NoError(t, broker.Resume())
	remote.mustSend(t, broker, 1)
	require.Contains(t, remote.stored(t), "late", "what was sent meanwhile is stored")
}

func (s suite) killWhilePaused(t *testing.T) {
	c, remote := s.cluster(t, cluster.Config{})
	broker := c.Master(0)
	bodies := remote.mustSend(t, broker, 5)

	require.NoError(t, broker.Pause())
	require.NoError(t, broker.Kill())
	require.NoError(t, broker.Restart(t.Context()))

	require.ElementsMatch(t, bodies, remote.stored(t))
}

func (s suite) nameServerRestart(t *testing.T) {
	c, remote := s.cluster(t, cluster.Config{})
	require.NoError(t, c.NameServer().Kill())
	_, err := remote.Route(t.Context(), topic)
	require.Error(t, err)

	require.NoError(t, c.NameServer().Restart(t.Context()))

	route, err := remote.Route(t.Context(), topic)
	require.NoError(t, err)
	require.Len(t, route.WriteQueues(topic), queues)
}

func (s suite) twoBrokers(t *testing.T) {
	c, remote := s.cluster(t, cluster.Config{Flavour: cluster.TwoBrokers})
	route, err := remote.Route(t.Context(), topic)
	require.NoError(t, err)
	require.Equal(t, c.Master(0).Address(), route.Master("broker-a"))
	require.Equal(t, c.Master(1).Address(), route.Master("broker-b"))
	require.Len(t, route.WriteQueues(topic), 2*queues)

	first := remote.mustSend(t, c.Master(0), 5)
	require.NoError(t, c.Master(0).Kill())
	second := remote.mustSend(t, c.Master(1), 5)
	require.NoError(t, c.Master(0).Restart(t.Context()))

	require.ElementsMatch(t, append(first, second...), remote.stored(t))
}

func (s suite) masterSlave(t *testing.T, version string) {
	alone := remoting.FlushSlaveTimeout
	if version[0] == '4' {
		alone = remoting.SlaveNotAvailable
	}
	c, remote := s.cluster(t, cluster.Config{Flavour: cluster.MasterSlave, Version: version})
	remote.mustSend(t, c.Master(0), 3)

	require.NoError(t, c.Slave().Kill())
	require.Equal(t, alone, remote.answer(t, c.Master(0), "alone"))

	require.NoError(t, c.Master(0).Kill())
	require.NoError(t, c.Master(0).Restart(t.Context()), "a master without its slave is ready when it stores")
	require.NoError(t, c.Slave().Restart(t.Context()))
	remote.mustSend(t, c.Master(0), 3)
	require.Len(t, remote.stored(t), 7)
}

func (s suite) extraKeys(t *testing.T) {
	c, remote := s.cluster(t, cluster.Config{Extra: map[string]string{"flushDiskType": "ASYNC_FLUSH", "maxMessageSize": "1000"}})

	require.Equal(t, "ASYNC_FLUSH", remote.configured(t, c.Master(0), "flushDiskType"))
	require.Equal(t, remoting.MessageIllegal, remote.answer(t, c.Master(0), string(make([]byte, 2000))))
}

func (s suite) failedStart(t *testing.T) {
	_, err := s.start(t.Context(), cluster.Config{JVM: []string{"-XX:NoSuchFlag=1"}})
	require.ErrorContains(t, err, "broker-a is not ready: it has exited")
	require.ErrorContains(t, err, "NoSuchFlag", "what it has printed")
}

func (s suite) close(t *testing.T) {
	c, err := s.start(t.Context(), cluster.Config{})
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "closing twice is fine")

	require.ErrorContains(t, c.Master(0).Restart(t.Context()), "the cluster is closed")
	_, err = newClient(t, c.Holdfast()).ClusterInfo(t.Context())
	require.ErrorContains(t, err, "connection refused")
}
