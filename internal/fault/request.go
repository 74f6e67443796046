package fault

import (
	"cmp"
	"encoding/json"
	"net"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Request is a request as a fault sees it, before anything was done about it. Ext and Body
// are the request's own: they are only to be read.
type Request struct {
	Kind   Kind
	Code   int
	Broker string // the broker's name; empty for a name server
	Topic  string // as on the wire; empty where the request names none, or several
	Group  string // likewise; a producer group for sends, a consumer group otherwise
	Ext    map[string]string
	Body   []byte
	From   net.Addr
}

// NewRequest describes the request c that came to broker.
func NewRequest(c *remoting.Command, broker string, from net.Addr) *Request {
	return &Request{
		Kind: KindOf(c.Code), Code: c.Code, Broker: broker,
		Topic: topicOf(c), Group: groupOf(c),
		Ext: c.Ext, Body: c.Body, From: from,
	}
}

func topicOf(c *remoting.Command) string {
	if short(c.Code) {
		return cmp.Or(c.Ext["b"], c.Ext["topic"])
	}
	return cmp.Or(c.Ext["topic"], c.Ext["originTopic"])
}

func groupOf(c *remoting.Command) string {
	if short(c.Code) {
		return cmp.Or(c.Ext["a"], c.Ext["producerGroup"])
	}
	if group := cmp.Or(c.Ext["consumerGroup"], c.Ext["producerGroup"], c.Ext["group"], c.Ext["groupName"]); group != "" {
		return group
	}
	if c.Code != remoting.LockBatchMQ && c.Code != remoting.UnlockBatchMQ {
		return ""
	}
	var lock struct {
		Group string `json:"consumerGroup"`
	}
	_ = json.Unmarshal(c.Body, &lock) // what cannot be read names no group
	return lock.Group
}

// short says that the request's fields have one-letter names.
func short(code int) bool {
	return code == remoting.SendMessageV2 || code == remoting.SendBatchMessage
}
