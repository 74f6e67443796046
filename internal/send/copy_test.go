package send

import (
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestCopyKeepsWhatIsTheUsersAndDropsWhatWouldChangeItsNature(t *testing.T) {
	t.Parallel()
	kept := map[string]string{
		"KEYS": "o-1", "TAGS": "paid", "SHARDING_KEY": "c-7", "UNIQ_KEY": "A1", "traceparent": "00-x-y-01", "note": "mine", "TIMERS": "mine too",
	}
	dropped := []string{
		"TRAN_MSG", "PGROUP", "__transactionId__", "REAL_TOPIC", "REAL_QID", "TRANSACTION_CHECK_TIMES", "CHECK_IMMUNITY_TIME_IN_SECONDS",
		"TRAN_PREPARED_QUEUE_OFFSET", "HOLDFAST_TXN", "DELAY", "TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_OUT_MS", "WAIT", "CONSUME_START_TIME",
		"MIN_OFFSET", "MAX_OFFSET", "CLUSTER", "TRACE_ON", "MSG_REGION", "RETRY_TOPIC", "ORIGIN_MESSAGE_ID", "RECONSUME_TIME",
		"MAX_RECONSUME_TIMES", "INNER_NUM", "INNER_MULTI_DISPATCH", "POP_CK", "MSG_TYPE",
	}
	properties := map[string]string{}
	for name, value := range kept {
		properties[name] = value
	}
	for _, name := range dropped {
		properties[name] = "x"
	}
	require.Equal(t, kept, CopyProperties(properties))
}

func TestCloneSharesNothingThatTheOfficialClientWritesTo(t *testing.T) {
	t.Parallel()
	msg := primitive.NewMessage("orders", []byte("body")).WithTag("paid")
	msg.Compress, msg.CompressedBody = true, []byte("old")
	clone := Clone(msg)
	clone.WithProperty("UNIQ_KEY", "A1")
	require.Empty(t, msg.GetProperty("UNIQ_KEY"))
	require.False(t, clone.Compress, "a body compressed before must not be sent again")
	require.Equal(t, "paid", clone.GetTags())
	require.Equal(t, msg.Body, clone.Body)
}

func TestIsTimed(t *testing.T) {
	t.Parallel()
	require.False(t, IsTimed(map[string]string{"TAGS": "a"}))
	require.False(t, IsTimed(map[string]string{"DELAY": "0"}))
	require.True(t, IsTimed(map[string]string{"DELAY": "3"}))
	require.True(t, IsTimed(map[string]string{"TIMER_DELIVER_MS": "1"}))
}
