// Package conformance is one suite of scenarios for two targets: the in-process cluster and
// real brokers. Where both pass, the model can be trusted; where they differ, the broker is
// right.
//
// A scenario speaks the protocol itself where the answers of a broker are at stake, and uses
// the unmodified official client's producer and push consumer where theirs are. [Run] starts
// a Target of each Flavour and runs that flavour's scenarios on it.
package conformance
