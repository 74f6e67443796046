// Package official is the one place that knows what is odd about the official client
// (github.com/apache/rocketmq-client-go/v2 at v2.1.2): how to construct a producer that does
// only what it is told and a push consumer that loses nothing by itself, what its errors mean,
// and what to do about the two variables it shares with the whole process, its logger and its
// panic handler.
//
// # Its own data races
//
// These are in the client, found by reading and by the race detector; nothing outside it can
// mend them. A test that runs into one says so and runs without -race.
//
//   - rlog's logger and primitive.PanicHandler are plain variables. Setting them races with
//     every client that already runs, so SetLogger and WatchPanics write each at most once:
//     construct the first holdfast client before any raw client of the same process starts.
//   - Shutdown writes the client's "closed" flag, a plain bool, while sends and background
//     loops read it: let every call return before Shutdown. The loops may still be at it.
//   - A broker that leaves the route has its entries deleted from a plain map (one second
//     after Start, then every 30 s) that sends, heartbeats and pulls read without its lock.
//   - A topic's route is compared, sorted and read without one common lock: a route that
//     changes while it is used can race.
//   - A response that arrives as its request times out races with the timeout over the
//     result of SendAsync and RequestAsync, which is why holdfast calls neither for a send.
//   - Compression writes into the message that is sent, a batch and a namespace do too: one
//     *primitive.Message must not be in two sends at once. Give each attempt a clone.
//   - The push consumer's Subscribe, Suspend and GetOffsetDiffMap race with its own loops.
//
// # What it leaves running
//
// After Shutdown a client's goroutine for name server addresses and the one for offsets may
// sleep on for 10 s, the one for heartbeats for 1 s. The connection to each name server used
// is not closed at all: it and its reading goroutine go when the name server says nothing for
// 120 s or closes it. Each client leaves at most these; a push consumer also its pulls, up to
// 30 s, its statistics, up to a month, and the goroutine that looks for expired messages, which
// sleeps through Shutdown for the whole of its timeout.
package official
