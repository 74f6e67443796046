package rmqtest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Brokers write some bodies in a JSON of their own, which has maps with numbers without
// quotes and with objects as keys. It is written here as they do, so that clients which read
// only one of the two kinds show it.

// appendMap writes a map whose keys are written by key, in the order of less.
func appendMap[K comparable, V any](dst []byte, m map[K]V, less func(a, b K) int, key func([]byte, K) ([]byte, error), value func([]byte, V) ([]byte, error)) ([]byte, error) {
	dst = append(dst, '{')
	var err error
	for i, k := range slices.SortedFunc(maps.Keys(m), less) {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = key(dst, k); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = value(dst, m[k]); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendJSON[V any](dst []byte, v V) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

func appendBare(dst []byte, key string) ([]byte, error) { return append(dst, key...), nil }

// offsetTableBody writes {"offsetTable":{{queue}:value,...},"rate":0.0}.
func offsetTableBody[V any](offsets map[remoting.Queue]V, rate string) ([]byte, error) {
	body, err := appendMap([]byte(`{"offsetTable":`), offsets, remoting.Queue.Compare, appendJSON[remoting.Queue], appendJSON[V])
	return append(body, `,"`+rate+`":0.0}`...), err
}

// appendBroker writes a broker of a route, its addresses by bare or by quoted ids.
func appendBroker(dst []byte, broker remoting.BrokerData, bare bool) ([]byte, error) {
	key := appendJSON[string]
	if bare {
		key = appendBare
	}
	dst, err := appendMap(append(dst, `{"brokerAddrs":`...), broker.Addresses, cmp.Compare, key, appendJSON[string])
	if err != nil {
		return nil, err
	}
	dst = append(dst, `,"brokerName":`...)
	dst = strconv.AppendQuote(dst, broker.Name)
	dst = append(dst, `,"cluster":`...)
	dst = strconv.AppendQuote(dst, broker.Cluster)
	return append(dst, `,"enableActingMaster":false}`...), nil
}

func routeBody(route remoting.Route, bare bool) ([]byte, error) {
	body := []byte(`{"brokerDatas":[`)
	var err error
	for i, broker := range route.Brokers {
		if i > 0 {
			body = append(body, ',')
		}
		if body, err = appendBroker(body, broker, bare); err != nil {
			return nil, err
		}
	}
	body = append(body, `],"filterServerTable":{},"queueDatas":`...)
	if body, err = appendJSON(body, route.Queues); err != nil {
		return nil, err
	}
	return append(body, '}'), nil
}

func clusterBody(info remoting.ClusterInfo) ([]byte, error) {
	body, err := appendMap([]byte(`{"brokerAddrTable":`), info.Brokers, cmp.Compare, appendJSON[string],
		func(dst []byte, broker remoting.BrokerData) ([]byte, error) { return appendBroker(dst, broker, true) })
	if err != nil {
		return nil, err
	}
	if body, err = appendJSON(append(body, `,"clusterAddrTable":`...), info.Clusters); err != nil {
		return nil, err
	}
	return append(body, '}'), nil
}

// dataVersion is the version that some bodies carry; it never changes.
func dataVersion() map[string]int64 {
	return map[string]int64{"counter": 1, "stateVersion": 0, "timestamp": time.Now().UnixMilli()}
}

// answerJSON answers SUCCESS with v as standard JSON.
func (c *call) answerJSON(v any) {
	body, err := json.Marshal(v)
	c.answerBody(body, err)
}

func (c *call) answerBody(body []byte, err error) {
	if err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	c.okBody(nil, body)
}
