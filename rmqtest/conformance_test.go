package rmqtest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/conformance"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// The same scenarios run on real brokers, in the integration module. Those about the official
// client's consumers are in a file of their own, without the race detector.
func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Run(t, newModel, conformance.Scenarios()...)
}

// model is an in-process cluster as a target. Its broker's time is scaled so that DELAY=2
// takes 200 ms, and a queue lock lasts for 2.4 s.
type model struct {
	cluster *rmqtest.Cluster
}

func newModel(t *testing.T, f conformance.Flavour) conformance.Target {
	options := []rmqtest.Option{rmqtest.WithTimeScale(0.04)}
	switch f {
	case conformance.Strict:
		options = append(options, rmqtest.WithoutAutoCreateTopics(), rmqtest.WithoutAutoCreateGroups(), rmqtest.WithCredentials("alice", "secret"))
	case conformance.Replicated:
		options = append(options, rmqtest.WithInSyncReplicas(2))
	}
	c, err := rmqtest.Start(options...)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return model{c}
}

func (m model) broker() *rmqtest.Broker { return m.cluster.Brokers()[0] }

func (m model) done(f func()) error {
	f()
	return nil
}

func (m model) Kill(context.Context) error        { return m.done(m.broker().Stop) }
func (m model) Restart(context.Context) error     { return m.done(m.broker().Start) }
func (m model) Pause(context.Context) error       { return m.done(m.broker().Pause) }
func (m model) Resume(context.Context) error      { return m.done(m.broker().Resume) }
func (m model) StallFlush(context.Context) error  { return m.done(m.broker().StallFlush) }
func (m model) ResumeFlush(context.Context) error { return m.done(m.broker().ResumeFlush) }
func (m model) StopSlave(context.Context) error   { return m.done(m.broker().LoseSlave) }
func (m model) StartSlave(context.Context) error  { return m.done(m.broker().RestoreSlave) }

func (m model) Unplug(p conformance.Part) error {
	if p == conformance.NameServer {
		return m.done(m.cluster.NameServer().Stop)
	}
	return m.done(m.broker().Stop)
}

func (m model) Plug(p conformance.Part) error {
	if p == conformance.NameServer {
		return m.done(m.cluster.NameServer().Start)
	}
	return m.done(m.broker().Start)
}

func (m model) Cluster() holdfast.Cluster { return m.cluster.Holdfast() }

func (m model) Intercept(kind rmqtest.Kind, f func(*rmqtest.Request) rmqtest.Action) *rmqtest.Fault {
	return m.cluster.Intercept(kind, f)
}
