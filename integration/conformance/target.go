// Package conformance makes a target of the conformance suite from real brokers, however they
// are run. Faults of single requests are the business of a fault proxy, through which every
// client goes; the others are done to the nodes themselves.
package conformance

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/internal/conformance"
	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Config is the cluster that a flavour of the suite needs.
func Config(f conformance.Flavour) cluster.Config {
	config := cluster.Config{
		// Queue locks are lost after 2 s instead of a minute.
		JVM: []string{"-Drocketmq.broker.rebalance.lockMaxLiveTime=2000"},
	}
	switch f {
	case conformance.Strict:
		config.ACL = true
		config.Extra = map[string]string{"autoCreateTopicEnable": "false", "autoCreateSubscriptionGroup": "false"}
	case conformance.Replicated:
		config.Flavour = cluster.MasterSlave
	}
	return config
}

// NewTarget makes a target of a running cluster. What it adds to the cluster ends with the
// test.
func NewTarget(t *testing.T, c *cluster.Cluster) conformance.Target {
	t.Helper()
	proxy, err := faultproxy.Start(t.Context(), c.Holdfast())
	require.NoError(t, err)
	t.Cleanup(proxy.Close)
	client := remoting.NewClient(c.Holdfast())
	t.Cleanup(client.Close)
	return &target{nodes: c, proxy: proxy, client: client}
}

type target struct {
	nodes  *cluster.Cluster
	proxy  *faultproxy.Proxy
	client *remoting.Client // past the proxy
}

func (t *target) Cluster() holdfast.Cluster { return t.proxy.Holdfast() }

func (t *target) Intercept(kind fault.Kind, f func(*fault.Request) fault.Action) *fault.Fault {
	return t.proxy.Intercept(kind, f)
}

func (t *target) broker() *cluster.Node { return t.nodes.Master(0) }

func (t *target) endpoint(p conformance.Part) *faultproxy.Endpoint {
	if p == conformance.NameServer {
		return t.proxy.NameServer(0)
	}
	return t.proxy.Broker(t.broker().Name())
}

func (t *target) Unplug(p conformance.Part) error {
	t.endpoint(p).Stop()
	return nil
}

func (t *target) Plug(p conformance.Part) error { return t.endpoint(p).Start() }

// Kill closes the proxy's door too: where nobody listens, connections are refused.
func (t *target) Kill(context.Context) error {
	err := t.broker().Kill()
	t.endpoint(conformance.Broker).Stop()
	return err
}

func (t *target) Restart(ctx context.Context) error {
	if err := t.broker().Restart(ctx); err != nil {
		return err
	}
	return t.endpoint(conformance.Broker).Start()
}

func (t *target) Pause(context.Context) error  { return t.broker().Pause() }
func (t *target) Resume(context.Context) error { return t.broker().Resume() }

// StallFlush leaves no time for a flush: a disk that hangs looks no different to a sender.
func (t *target) StallFlush(ctx context.Context) error  { return t.flushTimeout(ctx, "0") }
func (t *target) ResumeFlush(ctx context.Context) error { return t.flushTimeout(ctx, "5000") }

func (t *target) flushTimeout(ctx context.Context, millis string) error {
	return t.client.UpdateBrokerConfig(ctx, t.broker().Address(), map[string]string{"syncFlushTimeout": millis})
}

var errNoSlave = errors.New("conformance: the cluster has no slave")

func (t *target) StopSlave(context.Context) error {
	if slave := t.nodes.Slave(); slave != nil {
		return slave.Kill()
	}
	return errNoSlave
}

func (t *target) StartSlave(ctx context.Context) error {
	if slave := t.nodes.Slave(); slave != nil {
		return slave.Restart(ctx)
	}
	return errNoSlave
}
