// Package remoting speaks RocketMQ's remoting protocol: frames with both header
// serialisations, typed request headers, the stored-message format, the bodies that brokers
// write with fastjson, and a small client.
//
// Layouts follow RemotingCommand, RocketMQSerializable and MessageDecoder of Apache RocketMQ
// 5.4.0. Everything that reads bytes is safe on hostile input: it returns an error, does not
// panic, and does not allocate more than a small multiple of what it was given.
//
// Topics and groups are wire names here: callers apply the namespace.
package remoting
