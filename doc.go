// Package holdfast makes an existing RocketMQ cluster lose nothing, from Go, through the
// official client (github.com/apache/rocketmq-client-go/v2).
//
// A message is lost in one of three places: on the way to the broker, inside the broker, or
// at a consumer that says "done" too early. This package holds the nouns that the packages
// closing those places share: the Cluster they connect to, the Sender they meet through, and
// the outcomes a send can have. The work is done in the packages below it:
//
//   - producer: every send tells the truth; a drop-in for rocketmq.Producer
//   - consumer: a message is acknowledged when its handler has finished, and not before
//   - rmqtest: a name server and brokers in the test's own process, with scripted faults
//
// Every send ends in one of three ways. A nil error: the broker answered SEND_OK.
// [ErrOutcomeUnknown]: the message may have been stored; a [*NotDurableError] is one of
// these, stored but not as durably as the broker was configured to. Any other error: the
// message was certainly not stored.
package holdfast
