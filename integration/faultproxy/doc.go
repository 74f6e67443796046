// Package faultproxy stands between clients and real brokers and carries out scripted faults,
// with the words that rmqtest has for them: it loses requests and answers, answers with any
// code, delays, and cuts connections, request by request.
//
// It reads every frame and passes on unchanged what no fault is for. The addresses in the
// answers of a name server are replaced by those of its own endpoints, one for each broker,
// so that a client that is given [Proxy.Holdfast] reaches everything through it. What a
// broker stores stays as it is: the host of a stored message and of an offset message id is
// the broker's own.
package faultproxy
