package rmqtest

import (
	"strconv"
	"strings"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// isHalf says that a message is the first half of a transaction: it has the property, and is
// no retry of clients before 4.6.1.
func isHalf(m *stored) bool {
	level, _ := delayLevel(m.Properties)
	return strings.EqualFold(m.Properties[propertyPrepared], "true") && !(m.ReconsumeTimes > 0 && level > 0)
}

// putHalf puts a half message aside, where no consumer finds it, until its transaction ends.
// Ending transactions is not modelled yet: END_TRANSACTION is not supported.
func (b *Broker) putHalf(m *stored) (refusal, bool) {
	if id := m.UniqueKey(); id != "" {
		m.Properties[propertyTransactionID] = id
	}
	m.Properties[propertyRealTopic] = m.Topic
	m.Properties[propertyRealQueue] = strconv.Itoa(m.QueueID)
	m.SysFlag &^= remoting.FlagTransactionMask
	m.Topic, m.QueueID = halfTopic, 0
	return b.put(m)
}
