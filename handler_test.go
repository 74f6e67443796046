package holdfast_test

import (
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestMessageIDIsWhatSurvives(t *testing.T) {
	t.Parallel()
	msg := &primitive.MessageExt{}
	require.Empty(t, holdfast.MessageID(nil))
	require.Empty(t, holdfast.MessageID(msg))
	for _, step := range []struct {
		set  func()
		want string
	}{
		{func() { msg.MsgId = "msg" }, "msg"},
		{func() { msg.OffsetMsgId = "offset" }, "offset"},
		{func() { msg.WithProperty("ORIGIN_MESSAGE_ID", "origin") }, "origin"},
		{func() { msg.WithProperty("UNIQ_KEY", "unique") }, "unique"},
	} {
		step.set()
		require.Equal(t, step.want, holdfast.MessageID(msg))
	}
}
