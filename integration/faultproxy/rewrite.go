package faultproxy

import (
	"strconv"
	"strings"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// rewrite puts the addresses of endpoints in the place of brokers' addresses, if the answer
// has any, and encodes an answer that has changed. What is around the addresses stays as the
// name server wrote it.
func (p *Proxy) rewrite(request *remoting.Command, answer *frame) error {
	brokers, err := brokersIn(request.Code, answer.command.Body)
	if err != nil {
		return err
	}
	if len(brokers) > 0 {
		replacements, err := p.own(brokers)
		if err != nil {
			return err
		}
		answer.command.Body = replace(answer.command.Body, replacements)
		answer.raw = nil
	}
	if answer.raw == nil {
		answer.raw, err = answer.command.AppendFrame(nil)
	}
	return err
}

// brokersIn finds the brokers in the body of an answer, by name.
func brokersIn(code int, body []byte) (map[string]remoting.BrokerData, error) {
	if len(body) == 0 {
		return nil, nil
	}
	switch code {
	case remoting.GetRouteInfoByTopic:
		var route remoting.Route
		if err := remoting.UnmarshalFastjson(body, &route); err != nil {
			return nil, err
		}
		brokers := map[string]remoting.BrokerData{}
		for _, b := range route.Brokers {
			brokers[b.Name] = b
		}
		return brokers, nil
	case remoting.GetBrokerClusterInfo:
		var info remoting.ClusterInfo
		err := remoting.UnmarshalFastjson(body, &info)
		return info.Brokers, err
	default:
		return nil, nil
	}
}

// replace changes all addresses at once: an endpoint may have the address that a broker had.
func replace(body []byte, replacements map[string]string) []byte {
	var pairs []string
	for from, to := range replacements {
		pairs = append(pairs, strconv.Quote(from), strconv.Quote(to))
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(body)))
}
