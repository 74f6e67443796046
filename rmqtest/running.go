package rmqtest

import (
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	getRunningInfo     = 307
	runningInfoTimeout = 10 * time.Second
)

type runningInfoHeader struct {
	Group  string `rmq:"consumerGroup"`
	Client string `rmq:"clientId"`
}

// runningInfo answers GET_CONSUMER_RUNNING_INFO, by asking the client.
func (b *Broker) runningInfo(c *call) {
	var header runningInfoHeader
	if !c.decode(&header) {
		return
	}
	client := b.members.consumer(header.Group, header.Client)
	if client == nil {
		c.fail(remoting.SystemError, "The Consumer <"+header.Group+"> <"+header.Client+"> not online")
		return
	}
	c.later(func() {
		question := remoting.NewRequest(getRunningInfo, nil, nil)
		question.Ext = c.request.Ext
		answer := client.ask(question, runningInfoTimeout)
		if answer == nil {
			c.fail(remoting.SystemError, "consumer <"+header.Group+"> <"+header.Client+"> Timeout")
			return
		}
		response := c.response(answer.Code, answer.Remark)
		response.Body = answer.Body
		c.answer(response)
	})
}

// consumer is the connection of a client that consumes as a group, nil if it has none.
func (t *memberTable) consumer(group, clientID string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.consumers[group]; g != nil {
		for s, m := range g.members {
			if m.clientID == clientID {
				return s
			}
		}
	}
	return nil
}
