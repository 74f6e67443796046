// Package consumer handles messages and acknowledges only finished work.
//
// A message is acknowledged after its handler returned nil, with everything it started by
// holdfast.Go, or after a retry or dead-letter copy was stored with SEND_OK. Never before,
// never on a guess. What a handler may return beside nil and an error, and what becomes of the
// message then, is in the root package: RetryAfter, Reject, Hold, Pause.
//
// [Guard] is a listener for those who keep their own push consumer of the official client;
// [Retries] stores its copies.
//
// Delivery is at least once. The same message is not handled twice at the same time in one
// process, but a rebalance gives it to another process while it is worked on or waits here, and
// a crash after the effect repeats it: make the effect idempotent.
// Work started with a bare go statement is lost with any consumer when it fails after a nil
// return.
package consumer
