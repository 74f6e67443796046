package remoting

import (
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// headers has one of each header type.
func headers() []any {
	return []any{
		&SendMessageHeader{}, &SendMessageResponse{}, &PullMessageHeader{}, &PullMessageResponse{}, &QueryMessageHeader{},
		&QueryConsumerOffsetHeader{}, &UpdateConsumerOffsetHeader{}, &OffsetHeader{}, &OffsetResponse{}, &CreateTopicHeader{},
		&ViewMessageHeader{}, &UnregisterClientHeader{}, &SendBackHeader{}, &ConsumerGroupHeader{}, &ProducerGroupHeader{},
		&TopicHeader{}, &GroupNameHeader{},
	}
}

func TestEveryHeaderRoundTrips(t *testing.T) {
	t.Parallel()
	for _, header := range headers() {
		v := reflect.ValueOf(header).Elem()
		for i := range v.NumField() {
			_, tagged := v.Type().Field(i).Tag.Lookup("rmq")
			require.True(t, tagged, "%T.%s", header, v.Type().Field(i).Name)
			switch field := v.Field(i); field.Kind() {
			case reflect.String:
				field.SetString("s" + v.Type().Field(i).Name)
			case reflect.Bool:
				field.SetBool(true)
			default:
				field.SetInt(math.MinInt32 + int64(i))
			}
		}
		ext := EncodeHeader(header)
		require.Len(t, ext, v.NumField(), "%T: a wire name is used twice", header)
		decoded := reflect.New(v.Type()).Interface()
		require.NoError(t, DecodeHeader(ext, decoded))
		require.Equal(t, header, decoded)
		require.Equal(t, ext, EncodeHeader(v.Interface()), "a value is as good as a pointer")
	}
}

func TestSendHeaderNames(t *testing.T) {
	t.Parallel()
	h := SendMessageHeader{
		ProducerGroup: "g", Topic: "t", DefaultTopic: "TBW102", DefaultTopicQueueNums: 4, QueueID: 3, SysFlag: 1,
		BornTimestamp: 1700000000123, Flag: -7, Properties: "p", ReconsumeTimes: 2, UnitMode: true, MaxReconsumeTimes: 16, Batch: true,
	}
	long := map[string]string{
		"producerGroup": "g", "topic": "t", "defaultTopic": "TBW102", "defaultTopicQueueNums": "4", "queueId": "3", "sysFlag": "1",
		"bornTimestamp": "1700000000123", "flag": "-7", "properties": "p", "reconsumeTimes": "2", "unitMode": "true", "maxReconsumeTimes": "16", "batch": "true",
	}
	short := map[string]string{
		"a": "g", "b": "t", "c": "TBW102", "d": "4", "e": "3", "f": "1",
		"g": "1700000000123", "h": "-7", "i": "p", "j": "2", "k": "true", "l": "16", "m": "true",
	}
	require.Equal(t, long, EncodeHeader(h))
	require.Equal(t, short, EncodeShortHeader(h))
	for _, ext := range []map[string]string{long, short} {
		var decoded SendMessageHeader
		require.NoError(t, DecodeHeader(ext, &decoded))
		require.Equal(t, h, decoded)
	}

	both := map[string]string{"topic": "long", "b": "short"}
	var decoded SendMessageHeader
	require.NoError(t, DecodeHeader(both, &decoded))
	require.Equal(t, "long", decoded.Topic)
}

func TestOmitEmpty(t *testing.T) {
	t.Parallel()
	require.Equal(t, map[string]string{"consumerGroup": "g"}, EncodeHeader(ConsumerGroupHeader{ConsumerGroup: "g"}))
	require.Equal(t, map[string]string{"topic": "", "queueId": "0"}, EncodeHeader(OffsetHeader{}))
	require.Equal(t, map[string]string{}, EncodeHeader(nil))
	require.Equal(t, map[string]string{}, EncodeShortHeader(TopicHeader{"t"}), "no field has a short name")
}

func TestDecodeHeaderKeepsWhatIsMissingAndNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	h := PullMessageHeader{Topic: "kept", QueueID: 5}
	require.NoError(t, DecodeHeader(map[string]string{"queueId": "6", "unknown": "x"}, &h))
	require.Equal(t, PullMessageHeader{Topic: "kept", QueueID: 6}, h)

	for _, value := range []string{"", "x", "1.5", "0x10", "9223372036854775808", " 1"} {
		require.ErrorContains(t, DecodeHeader(map[string]string{"queueOffset": value}, &PullMessageHeader{}), "header field queueOffset", value)
	}
	require.ErrorContains(t, DecodeHeader(map[string]string{"flag": "2147483648"}, &SendMessageHeader{}), "header field flag", "flag has 32 bits")
	require.ErrorContains(t, DecodeHeader(map[string]string{"k": "yes"}, &SendMessageHeader{}), "header field unitMode")
}
