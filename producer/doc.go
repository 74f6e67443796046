// Package producer sends messages and tells the truth about each one.
//
// A nil error means that the broker answered SEND_OK. Any other error is one of two:
// errors.Is(err, holdfast.ErrOutcomeUnknown), the message may have been stored, or it
// certainly was not. Stored but not durable is a *holdfast.NotDurableError, and
// ErrOutcomeUnknown too. Every attempt carries the same UNIQ_KEY, so that a message stored
// twice can be recognised; and before another attempt is made the brokers are asked whether
// the last one has stored it.
//
// What an acknowledged message survives is decided by the broker's configuration, not here.
//
// A Producer is a rocketmq.Producer. To adopt it, replace the constructor. Under load it
// batches by itself; messages with a sharding key keep their order.
package producer
