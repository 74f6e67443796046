package consumer

import (
	"testing"
	"testing/synctest"

	mqconsumer "github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// In order the official client gives a message again that was not acknowledged, and looks for
// its listener each time. One for which it finds none it passes over, and the next message's
// acknowledgement is this one's too.
func TestAStrayInOrderFindsItsListenerEveryTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := made(t, InOrder())
		require.NoError(t, c.Handle("orders", "*", nothing))
		require.NoError(t, c.enter())
		const retryTopic = "%RETRY%billing"
		msg := pulled(1)
		msg.Topic, msg.Queue.Topic = retryTopic, retryTopic
		msg.WithProperty(primitive.PropertyRetryTopic, "payments")
		strays := c.newStrays()
		strays.adopt([]*primitive.MessageExt{msg})
		listen := c.listener(strays)
		for range 5 {
			if msg.Topic == retryTopic { // what the official client does first
				msg.Topic = msg.GetProperty(primitive.PropertyRetryTopic)
			}
			require.Equal(t, "orders", msg.Topic, "which has a listener")
			result, err := listen(orderly(), msg)
			require.NoError(t, err)
			require.Equal(t, mqconsumer.SuspendCurrentQueueAMoment, result)
		}
	})
}
