// Package cluster runs real RocketMQ name servers and brokers for tests: starts them, kills
// them, stops and pauses them, and starts them again on the store they had.
//
// [Start] runs them as plain Java processes of this machine, from jars that Maven fetches
// once per version into a cache folder; it needs Java 17 and Maven and nothing else. The
// package container beside this one runs the same clusters in containers.
//
// A started cluster is ready: routes resolve and a probe message was answered SEND_OK by
// every master. The same holds after [Node.Restart]. Every node listens on the same port for
// as long as the cluster lives.
//
// Nothing stays behind. [Cluster.Close] kills every process and removes every file; on
// SIGINT and SIGTERM that happens before the process ends; on Linux the Java processes die
// with this one however it ends, and the files that a killed process left are removed by the
// next Start.
package cluster
