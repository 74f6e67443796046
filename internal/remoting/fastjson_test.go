package remoting

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStrictJSON(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{}`:                                    `{}`,
		` [ 1 , -2.5e+3 , true , null ] `:       `[1,-2.5e+3,true,null]`,
		`"a\"b\\"`:                              `"a\"b\\"`,
		`{0:"a",1:"b"}`:                         `{"0":"a","1":"b"}`,
		`{-1:{2:[3]}}`:                          `{"-1":{"2":[3]}}`,
		`{abc:1}`:                               `{"abc":1}`,
		`{"{":"}"}`:                             `{"{":"}"}`,
		`{"a":[{},[]]}`:                         `{"a":[{},[]]}`,
		`{{"topic":"t","queueId":0}:{"max":1}}`: `{"{\"topic\":\"t\",\"queueId\":0}":{"max":1}}`,
		`{{0:"x"}:1}`:                           `{"{\"0\":\"x\"}":1}`,
		`{[1]:2}`:                               `{"[1]":2}`,
		`{{{"a":1}:2}:3}`:                       `{"{\"{\\\"a\\\":1}\":2}":3}`,
		`{{"t":"a\"b"}:1}`:                      `{"{\"t\":\"a\\\"b\"}":1}`,
	} {
		got, err := StrictJSON([]byte(in))
		require.NoError(t, err, in)
		require.Equal(t, want, string(got))
		require.True(t, json.Valid(got), want)
	}
}

func TestStrictJSONRefuses(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		``, ` `, `{`, `[`, `"`, `"\`, `"a\"`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[1,]`, `[1 2]`, `{"a" 1}`, `{:1}`, `}`, `]`, `,`, `:`,
		`{} {}`, `1 2`, "\x00", `{"a":1}}`, `'a'`, `{{}}`, `{{"a":1}`,
		strings.Repeat(`[`, 1<<20), strings.Repeat(`{"a":`, 1<<20), strings.Repeat(`{`, 1<<20),
		strings.Repeat(`[`, maxJSONDepth+2) + strings.Repeat(`]`, maxJSONDepth+2),
		strings.Repeat(`{`, maxKeyDepth+2) + `}` + strings.Repeat(`:1}`, maxKeyDepth+1),
	} {
		_, err := StrictJSON([]byte(in))
		require.ErrorIs(t, err, errFastjson, "%.40q", in)
	}
}

func TestStrictJSONTakesWhatIsJustDeepEnough(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, maxJSONDepth+1) + strings.Repeat(`]`, maxJSONDepth+1)
	got, err := StrictJSON([]byte(deep))
	require.NoError(t, err)
	require.Equal(t, deep, string(got))

	keys := strings.Repeat(`{`, maxKeyDepth+1) + `}` + strings.Repeat(`:1}`, maxKeyDepth)
	got, err = StrictJSON([]byte(keys))
	require.NoError(t, err)
	require.True(t, json.Valid(got))
}

func TestBodiesWithBareAndObjectKeys(t *testing.T) {
	t.Parallel()
	var info ClusterInfo
	require.NoError(t, UnmarshalFastjson([]byte(`{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:20911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}`), &info))
	require.Equal(t, ClusterInfo{
		Brokers:  map[string]BrokerData{"broker-a": {Cluster: "DefaultCluster", Name: "broker-a", Addresses: map[string]string{"0": "10.0.0.1:10911", "1": "10.0.0.2:20911"}}},
		Clusters: map[string][]string{"DefaultCluster": {"broker-a"}},
	}, info)

	var stats TopicStats
	require.NoError(t, UnmarshalFastjson([]byte(`{"offsetTable":{{"brokerName":"a","queueId":0,"topic":"T"}:{"lastUpdateTimestamp":5,"maxOffset":10,"minOffset":2},{"brokerName":"a","queueId":1,"topic":"T"}:{"lastUpdateTimestamp":0,"maxOffset":0,"minOffset":0}},"topicPutTps":0.0}`), &stats))
	require.Equal(t, map[Queue]TopicOffset{{"T", "a", 0}: {2, 10, 5}, {"T", "a", 1}: {}}, stats.Offsets)

	var consume ConsumeStats
	require.NoError(t, UnmarshalFastjson([]byte(`{"consumeTps":0.0,"offsetTable":{{"brokerName":"a","queueId":3,"topic":"%RETRY%g"}:{"brokerOffset":10,"consumerOffset":8,"lastTimestamp":7,"pullOffset":9}}}`), &consume))
	require.Equal(t, map[Queue]ConsumeOffset{{"%RETRY%g", "a", 3}: {10, 8, 9, 7}}, consume.Offsets)
}

func TestQueueAsKeyAndValue(t *testing.T) {
	t.Parallel()
	q := Queue{Topic: `t"1`, Broker: "a", ID: 2}
	b, err := json.Marshal(map[Queue][]Queue{q: {q}})
	require.NoError(t, err)
	var got map[Queue][]Queue
	require.NoError(t, json.Unmarshal(b, &got))
	require.Equal(t, map[Queue][]Queue{q: {q}}, got)
	require.JSONEq(t, `[{"topic":"t\"1","brokerName":"a","queueId":2}]`, mustJSON(t, []Queue{q}))
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func TestRouteQueues(t *testing.T) {
	t.Parallel()
	r := Route{
		Brokers: []BrokerData{{Name: "b", Addresses: map[string]string{"0": "b:1"}}, {Name: "a", Addresses: map[string]string{"0": "a:1", "1": "a:2"}}, {Name: "slave-only", Addresses: map[string]string{"1": "s:2"}}},
		Queues: []QueueData{
			{Broker: "b", ReadQueueNums: 1, WriteQueueNums: 2, Perm: PermRead | PermWrite},
			{Broker: "a", ReadQueueNums: 1, WriteQueueNums: 1, Perm: PermRead},
			{Broker: "slave-only", ReadQueueNums: 4, WriteQueueNums: 4, Perm: PermRead | PermWrite},
			{Broker: "unknown", ReadQueueNums: 4, WriteQueueNums: 4, Perm: PermRead | PermWrite},
		},
	}
	require.Equal(t, []Queue{{"t", "b", 0}, {"t", "b", 1}}, r.WriteQueues("t"))
	require.Equal(t, []Queue{{"t", "a", 0}, {"t", "b", 0}}, r.ReadQueues("t"))
	require.Equal(t, "a:1", r.Master("a"))
	require.Empty(t, r.Master("slave-only"))
}
