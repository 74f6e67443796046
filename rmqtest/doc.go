// Package rmqtest runs a RocketMQ cluster inside a test: a name server and brokers in the
// test's own process, on loopback ports, with scripted faults. It needs nothing but Go.
//
// It speaks the real protocol, so that the official client's producers and push consumers
// work against it unmodified: routes, heartbeats and rebalancing, sends and batches, long
// polling with tag filters, offsets, queue locks, delay levels, retries and dead letters,
// message queries, and what administration tools ask for. Where it was uncertain what a
// broker does, RocketMQ 5.x decided; a conformance suite runs the same scenarios against
// this package and against a real broker.
//
// [New] starts a cluster that ends with the test. [Cluster.Messages] shows what is stored,
// whatever the clients under test believe. [Cluster.Inject] and [Cluster.Intercept] lose
// requests or answers, answer with any code, delay, and cut connections. A [Broker] can be
// stopped and started, paused, kept from flushing or replicating, and lose its power.
//
// What takes long on a real broker (delay levels, lock expiry, long polling, the timeouts of
// flush and replication) takes its scale from [WithTimeScale], so that a test can shrink ten
// seconds to ten milliseconds. The timers of the clients under test are their own.
//
// Handlers are tested with two middlewares: [DeliverTwice] delivers every message twice, and
// [NoLateUse] fails a test whose handler goes on using its context after it returned, the
// mistake of a bare go statement.
//
// What it does not do: transactions beyond putting the half message aside, SQL filters,
// retention, slaves that can be read from, and anything of 5.x's pop consumers or proxy.
package rmqtest
