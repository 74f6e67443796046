package consumer

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// original is a message as the official client delivers it.
func original(properties map[string]string) *primitive.MessageExt {
	m := &primitive.MessageExt{MsgId: "A1", OffsetMsgId: "7F00000100002A9F0000000000000001", BornTimestamp: 42}
	m.Topic, m.Body, m.Flag = "orders", []byte("body"), 7
	m.Queue = &primitive.MessageQueue{Topic: "orders", BrokerName: "broker-a"}
	m.WithProperties(properties)
	return m
}

func copyOf(m *primitive.MessageExt, f fate, reason error) (*storedCopy, map[string]string) {
	c := newCopy(holdfast.Cluster{}, "billing", m, f, 3, 1, 16, reason)
	return c, remoting.DecodeProperties(c.headerFor(true).Properties)
}

func TestCopyIsTheMessageWithoutWhatWouldChangeItsNature(t *testing.T) {
	t.Parallel()
	m := original(map[string]string{
		"UNIQ_KEY": "A1", "TAGS": "paid", "KEYS": "o-1", "SHARDING_KEY": "c-7", "own": "x", "traceparent": "00-a-b-01",
		"TRAN_MSG": "true", "PGROUP": "p", "__transactionId__": "A1", "DELAY": "5", "WAIT": "false", "MIN_OFFSET": "0",
		"CONSUME_START_TIME": "1", "TIMER_DELIVER_MS": "1", "HOLDFAST_TXN": "t", ReasonProperty: "old",
	})
	c, properties := copyOf(m, again, nil)
	require.NotEmpty(t, properties[TimeProperty])
	delete(properties, TimeProperty)
	delete(properties, copyProperty)
	require.Equal(t, map[string]string{
		"UNIQ_KEY": "A1", "TAGS": "paid", "KEYS": "o-1", "SHARDING_KEY": "c-7", "own": "x", "traceparent": "00-a-b-01",
		"RETRY_TOPIC": "orders", "ORIGIN_MESSAGE_ID": m.OffsetMsgId, "RECONSUME_TIME": "1",
		"DELAY": "3", "TIMER_DELIVER_MS": never, AttemptProperty: "1",
	}, properties)
	require.Equal(t, remoting.SendMessageHeader{
		ProducerGroup: "billing", Topic: "%RETRY%billing", QueueID: -1, BornTimestamp: 42, Flag: 7, ReconsumeTimes: 1, MaxReconsumeTimes: 16,
	}, c.header)
	require.Equal(t, "old", m.GetProperty(ReasonProperty), "the message itself is only read")
}

func TestCountOfACopy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fate         fate
		had          int32
		count, limit int
		delayed      bool
	}{
		"first retry":               {again, 0, 1, 16, true},
		"last retry":                {again, 15, 16, 16, true},
		"one too many":              {again, 16, 17, 16, false},
		"not counted":               {later, 0, 0, 16, true},
		"not counted, and far over": {later, 40, 40, 40, true},
		"dead at once":              {dead, 0, 1, 0, false},
		"dead, and far over":        {dead, 40, 41, 40, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := original(nil)
			m.ReconsumeTimes = c.had
			made, properties := copyOf(m, c.fate, nil)
			require.Equal(t, c.count, made.header.ReconsumeTimes)
			require.Equal(t, c.limit, made.header.MaxReconsumeTimes)
			require.Equal(t, c.delayed, properties["DELAY"] != "")
			require.Equal(t, c.delayed, properties["TIMER_DELIVER_MS"] != "", "a dead letter must not be refused for the group's locks")
		})
	}
}

func TestCopyKeepsAnIdentityThatIsNotAUniqueKey(t *testing.T) {
	t.Parallel()
	_, properties := copyOf(original(map[string]string{"own": "x"}), again, nil)
	require.Equal(t, "7F00000100002A9F0000000000000001", properties["UNIQ_KEY"])
	_, properties = copyOf(original(map[string]string{"ORIGIN_MESSAGE_ID": "first"}), again, nil)
	require.Equal(t, "first", properties["UNIQ_KEY"])
	require.Equal(t, "first", properties["ORIGIN_MESSAGE_ID"])
}

func TestCopyNamesTopicsAndGroupsWithTheirNamespace(t *testing.T) {
	t.Parallel()
	c := newCopy(holdfast.Cluster{Namespace: "shop"}, "billing", original(nil), again, 1, 1, 16, nil)
	require.Equal(t, "%RETRY%shop%billing", c.header.Topic)
	require.Equal(t, "shop%billing", c.header.ProducerGroup)
	require.Equal(t, "shop%orders", c.properties["RETRY_TOPIC"])
}

func TestOptionalPropertiesMakeWay(t *testing.T) {
	t.Parallel()
	reason := errors.New("a\x01b\x02" + strings.Repeat("ü", 2000))
	_, properties := copyOf(original(nil), again, reason)
	require.True(t, strings.HasPrefix(properties[ReasonProperty], "a b "))
	require.LessOrEqual(t, len(properties[ReasonProperty]), maxReason)
	require.Greater(t, len(properties[ReasonProperty]), maxReason-4)
	require.True(t, utf8.ValidString(properties[ReasonProperty]))

	for size := 31_000; size < 32_000; size += 7 {
		own := strings.Repeat("x", size)
		c, properties := copyOf(original(map[string]string{"own": own}), again, reason)
		require.Equal(t, own, properties["own"])
		require.Equal(t, "orders", properties["RETRY_TOPIC"])
		require.Equal(t, c.id, properties[copyProperty])
		if size < 31_300 {
			require.LessOrEqual(t, len(c.headerFor(false).Properties), roomForProperties)
		}
	}
}

func TestBodyOfACopy(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("body ", 1000)
	for name, c := range map[string]struct {
		flag, kept int
		shorter    bool
	}{
		"plain":                      {0, 0, false},
		"committed, so plain":        {remoting.FlagCommitted, 0, false},
		"zlib":                       {remoting.FlagCompressed, remoting.FlagCompressed, true},
		"zlib by its number":         {remoting.FlagCompressed | 3<<8, remoting.FlagCompressed | 3<<8, true},
		"LZ4, which nobody undid":    {remoting.FlagCompressed | 1<<8 | remoting.FlagCommitted, remoting.FlagCompressed | 1<<8, false},
		"ZSTD, which nobody undid":   {remoting.FlagCompressed | 2<<8, remoting.FlagCompressed | 2<<8, false},
		"an address of its own kind": {remoting.FlagBornHostV6, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := original(nil)
			m.Body, m.SysFlag = []byte(long), int32(c.flag)
			made, _ := copyOf(m, again, nil)
			require.Equal(t, c.kept, made.header.SysFlag)
			require.Equal(t, c.shorter, len(made.body) < len(long))
			if c.shorter {
				payload, err := (&remoting.Message{SysFlag: made.header.SysFlag, Body: made.body}).Payload()
				require.NoError(t, err)
				require.Equal(t, long, string(payload))
			}
		})
	}
}

func TestTagsHaveJavasHashCodes(t *testing.T) {
	t.Parallel()
	tags, codes := tagsOf(" paid ||  shipped||")
	require.Equal(t, []string{"paid", "shipped"}, tags)
	require.Equal(t, []int32{3433164, 2061557075}, codes)
	tags, codes = tagsOf("*")
	require.Empty(t, tags)
	require.Empty(t, codes)
}
