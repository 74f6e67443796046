package remoting

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

// fixture is what a running broker answered, as `make fixtures` captures it.
type fixture struct {
	Request struct {
		Code int
		Ext  map[string]string
	}
	Code   int
	Remark string
	Ext    map[string]string
	Text   string
	Base64 []byte
}

// readFixture reads one file.
func readFixture(tb testing.TB, file string) fixture {
	tb.Helper()
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	var f fixture
	require.NoError(tb, json.Unmarshal(text, &f))
	return f
}

// fixtureFiles are the files of a version; "*" is every version.
func fixtureFiles(tb testing.TB, version string) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "fixtures", version, "*.json"))
	require.NoError(tb, err)
	require.NotEmpty(tb, files)
	return files
}

func (f fixture) body() []byte {
	if f.Base64 != nil {
		return f.Base64
	}
	return []byte(f.Text)
}

// replay answers every request with the fixture.
func (f fixture) replay(conn net.Conn) {
	for {
		request, err := ReadFrame(conn, 0)
		if err != nil {
			return
		}
		response := request.NewResponse(f.Code, f.Remark)
		response.Ext, response.Body = f.Ext, f.body()
		frame, _ := response.AppendFrame(nil)
		_, _ = conn.Write(frame)
	}
}

// captured is one fixture, and a client whose every call is answered with it.
type captured struct {
	*testing.T
	fixture
	client *Client
	v5     bool
}

// fixtureTests says of each file, by its name, what has to come out of it.
var fixtureTests = map[string]func(*captured){
	"105-route":                     fixtureRoute,
	"105-route-old-client":          fixtureRoute,
	"105-route-none":                fixtureRouteNone,
	"106-cluster-info":              fixtureClusterInfo,
	"11-pull-plain":                 fixturePullPlain,
	"11-pull-compressed":            fixturePullCompressed,
	"11-pull-batch":                 fixturePullBatch,
	"11-pull-properties":            fixturePullProperties,
	"11-pull-committed":             fixturePullCommitted,
	"11-pull-nothing":               fixturePullNothing,
	"12-query-by-key":               fixtureQuery,
	"12-query-by-key-none":          fixtureQueryNone,
	"202-topic-stats":               fixtureTopicStats,
	"203-consumer-connections":      fixtureConsumerConnections,
	"203-consumer-connections-none": fixtureConsumerConnectionsNone,
	"204-producer-connections":      fixtureProducerConnections,
	"204-producer-connections-none": fixtureProducerConnectionsNone,
	"208-consume-stats":             fixtureConsumeStats,
	"26-broker-config":              fixtureBrokerConfig,
	"28-runtime-info":               fixtureRuntimeInfo,
	"351-topic-config":              fixtureTopicConfig,
	"907-ha-status":                 fixtureHAStatus,
}

func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"5.4.0", "4.9.7"} {
		files := fixtureFiles(t, version)
		require.Len(t, files, len(fixtureTests), "each test has its file")
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".json")
			t.Run(version+"/"+name, func(t *testing.T) {
				t.Parallel()
				c := &captured{T: t, fixture: readFixture(t, file), v5: strings.HasPrefix(version, "5.")}
				require.True(t, strings.HasPrefix(name, strconv.Itoa(c.Request.Code)+"-"), "the name begins with the request's code")
				c.client, _ = clientOf(t, c.replay)
				c.client.cluster.NameServers = []string{peerAddress}
				require.Contains(t, fixtureTests, name, "each file has its test")
				fixtureTests[name](c)
			})
		}
	}
}

func (c *captured) requireRefused(err error, code int, remark string) {
	c.Helper()
	require.ErrorIs(c, err, &holdfast.BrokerError{Code: code})
	require.ErrorContains(c, err, remark)
}

var fixtureQueue = Queue{Topic: "fixture-plain", Broker: "broker-a"}

// requireAddresses wants a master and its slave on this machine.
func (c *captured) requireAddresses(b BrokerData) {
	c.Helper()
	require.Equal(c, "broker-a", b.Name)
	require.Equal(c, "DefaultCluster", b.Cluster)
	require.Len(c, b.Addresses, 2)
	for _, id := range []string{MasterID, "1"} {
		require.Regexp(c, `^127\.0\.0\.1:\d+$`, b.Addresses[id])
	}
}

func fixtureRoute(c *captured) {
	route, err := c.client.Route(c.Context(), "fixture-wide")
	require.NoError(c, err)
	require.Len(c, route.Brokers, 1)
	c.requireAddresses(route.Brokers[0])
	require.Equal(c, []QueueData{{Broker: "broker-a", ReadQueueNums: 4, WriteQueueNums: 4, Perm: PermRead | PermWrite}}, route.Queues)
	require.Len(c, route.WriteQueues("fixture-wide"), 4)
}

func fixtureRouteNone(c *captured) {
	_, err := c.client.Route(c.Context(), "fixture-none")
	c.requireRefused(err, TopicNotExist, "No topic route info in name server for the topic: fixture-none")
}

func fixtureClusterInfo(c *captured) {
	info, err := c.client.ClusterInfo(c.Context())
	require.NoError(c, err)
	require.Equal(c, map[string][]string{"DefaultCluster": {"broker-a"}}, info.Clusters)
	require.Len(c, info.Brokers, 1)
	c.requireAddresses(info.Brokers["broker-a"])
}

// pulled decodes n messages and looks at what is the same in all of them.
func (c *captured) pulled(n int) []*Message {
	c.Helper()
	result, err := c.client.Pull(c.Context(), peerAddress, PullMessageHeader{})
	require.NoError(c, err)
	require.Len(c, result.Messages, n)
	require.Equal(c, PullMessageResponse{NextBeginOffset: int64(n), MaxOffset: int64(n)}, result.PullMessageResponse)
	for i, m := range result.Messages {
		c.requireStored(m, i)
		require.Equal(c, c.Request.Ext["topic"], m.Topic)
	}
	return result.Messages
}

func (c *captured) requireStored(m *Message, offset int) {
	c.Helper()
	require.Zero(c, m.QueueID)
	require.EqualValues(c, offset, m.QueueOffset)
	require.Positive(c, m.CommitLogOffset)
	require.True(c, m.BornHost.Addr().Is4() && m.BornHost.Addr().IsLoopback(), "%v", m.BornHost)
	require.True(c, m.StoreHost.Addr().Is4() && m.StoreHost.Addr().IsLoopback(), "%v", m.StoreHost)
	const year2020, day = 1577836800000, 24 * 60 * 60 * 1000
	require.Greater(c, m.BornTimestamp, int64(year2020))
	require.InDelta(c, m.BornTimestamp, m.StoreTimestamp, day)
	require.Equal(c, crc32.ChecksumIEEE(m.Body)&math.MaxInt32, m.BodyCRC)
	require.Equal(c, m, decodeOne(c, stored(c, m)), "it is written as it was read")
}

func fixturePullPlain(c *captured) {
	m := c.pulled(1)[0]
	require.Equal(c, `{"order":1,"amount":"12.50"}`, string(m.Body))
	require.Equal(c, "created", m.Properties["TAGS"])
	require.Equal(c, "order-1 customer-7", m.Properties["KEYS"])
	require.Regexp(c, "^[0-9A-Fa-f]{32}$", m.UniqueKey())
	require.Zero(c, m.SysFlag)
}

func fixturePullCompressed(c *captured) {
	m := c.pulled(1)[0]
	require.Equal(c, FlagCompressed, m.SysFlag)
	require.Equal(c, Zlib, m.Compression())
	payload, err := m.Payload()
	require.NoError(c, err)
	require.Equal(c, strings.Repeat("holdfast ", 1000), string(payload))
}

func fixturePullBatch(c *captured) {
	for i, m := range c.pulled(3) {
		require.Equal(c, fmt.Sprint("batched ", i), string(m.Body))
		require.Equal(c, "batch", m.Properties["TAGS"])
		require.Equal(c, fmt.Sprint("batch-", i), m.Properties["KEYS"])
	}
}

func fixturePullProperties(c *captured) {
	m := c.pulled(1)[0]
	require.Equal(c, "Grüße aus Köln, 你好", string(m.Body))
	for i := range 120 {
		require.Equal(c, fmt.Sprintf("value %d: ü=ä&ö", i), m.Properties[fmt.Sprintf("property-%03d", i)])
	}
	require.Equal(c, " ", m.Properties["empty-looking"])
}

func fixturePullCommitted(c *captured) {
	m := c.pulled(1)[0]
	require.Equal(c, "committed", string(m.Body))
	require.Equal(c, FlagCommitted, m.SysFlag&FlagTransactionMask)
	require.Positive(c, m.PreparedOffset)
	require.Equal(c, "true", m.Properties["TRAN_MSG"], "a committed message still says that it is transactional")
	require.Equal(c, "fixture-producer-tx", m.Properties["PGROUP"])
}

func fixturePullNothing(c *captured) {
	result, err := c.client.Pull(c.Context(), peerAddress, PullMessageHeader{})
	require.NoError(c, err)
	require.Equal(c, &PullResult{PullMessageResponse: PullMessageResponse{NextBeginOffset: 1, MaxOffset: 1}}, result)
}

func fixtureQuery(c *captured) {
	messages, err := DecodeMessages(c.body())
	require.NoError(c, err)
	require.Len(c, messages, 1)
	c.requireStored(messages[0], 0)
	require.Contains(c, strings.Fields(messages[0].Properties["KEYS"]), c.Request.Ext["key"])

	id := messages[0].UniqueKey()
	found, err := c.client.QueryByUniqueKey(c.Context(), peerAddress, "fixture-plain", id, 32)
	require.NoError(c, err)
	require.Equal(c, messages, found)
	for topic, key := range map[string]string{"fixture-plain": "another", "another": id} {
		found, err = c.client.QueryByUniqueKey(c.Context(), peerAddress, topic, key, 32)
		require.NoError(c, err)
		require.Empty(c, found, "the index goes by hash: what it finds is looked at again")
	}
}

func fixtureQueryNone(c *captured) {
	found, err := c.client.QueryByUniqueKey(c.Context(), peerAddress, "fixture-plain", "no-such-key", 32)
	require.NoError(c, err)
	require.Empty(c, found)
}

func fixtureTopicStats(c *captured) {
	stats, err := c.client.TopicStats(c.Context(), peerAddress, "fixture-wide")
	require.NoError(c, err)
	want := map[Queue]TopicOffset{}
	for id := range 4 {
		want[Queue{Topic: "fixture-wide", Broker: "broker-a", ID: id}] = TopicOffset{}
	}
	require.Equal(c, want, stats.Offsets)
}

func (c *captured) requireConnection(connections []Connection, id string) {
	c.Helper()
	require.Len(c, connections, 1)
	require.True(c, strings.HasSuffix(connections[0].ClientID, "@"+id), connections[0].ClientID)
	require.Regexp(c, `^127\.0\.0\.1:\d+$`, connections[0].ClientAddress)
	require.Equal(c, "GO", connections[0].Language)
	require.Equal(c, 317, connections[0].Version)
}

func fixtureConsumerConnections(c *captured) {
	got, err := c.client.ConsumerConnections(c.Context(), peerAddress, "fixture-consumer")
	require.NoError(c, err)
	c.requireConnection(got.Connections, "fixture-consumer")
	require.Equal(c, "CONSUME_PASSIVELY", got.ConsumeType)
	require.Equal(c, "CLUSTERING", got.MessageModel)
	require.Equal(c, "CONSUME_FROM_FIRST_OFFSET", got.ConsumeFromWhere)
	require.Len(c, got.Subscriptions, 2)
	require.Equal(c, "*", got.Subscriptions["%RETRY%fixture-consumer"].SubString)
	own := got.Subscriptions["fixture-plain"]
	require.Equal(c, "created || paid", own.SubString)
	require.Equal(c, "TAG", own.ExpressionType)
	require.ElementsMatch(c, []string{"created", "paid"}, own.Tags)
	require.Len(c, own.Codes, 2)
	require.Positive(c, own.SubVersion)
}

func fixtureConsumerConnectionsNone(c *captured) {
	_, err := c.client.ConsumerConnections(c.Context(), peerAddress, "fixture-none")
	c.requireRefused(err, ConsumerNotOnline, "the consumer group[fixture-none] not online")
}

func fixtureProducerConnections(c *captured) {
	got, err := c.client.ProducerConnections(c.Context(), peerAddress, "fixture-producer")
	require.NoError(c, err)
	c.requireConnection(got.Connections, "fixture-producer")
}

func fixtureProducerConnectionsNone(c *captured) {
	_, err := c.client.ProducerConnections(c.Context(), peerAddress, "fixture-none")
	c.requireRefused(err, SystemError, "the producer group[fixture-none] not exist")
}

func fixtureConsumeStats(c *captured) {
	stats, err := c.client.ConsumeStats(c.Context(), peerAddress, "fixture-consumer", "fixture-plain")
	require.NoError(c, err)
	require.Len(c, stats.Offsets, 1)
	got := stats.Offsets[fixtureQueue]
	require.EqualValues(c, 1, got.Broker)
	require.EqualValues(c, 1, got.Consumer)
	require.Positive(c, got.LastTimestamp)
	if c.v5 {
		require.EqualValues(c, 1, got.Pull)
	}
}

func fixtureBrokerConfig(c *captured) {
	config, err := c.client.BrokerConfig(c.Context(), peerAddress)
	require.NoError(c, err)
	for key, want := range map[string]string{
		"brokerName": "broker-a", "brokerId": "0", "brokerRole": "SYNC_MASTER", "flushDiskType": "SYNC_FLUSH",
		"autoCreateTopicEnable": "true", "transientStorePoolEnable": "false", "brokerPermission": "6", "maxMessageSize": "4194304",
		"messageDelayLevel": "1s 1s 1s 1s 1s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s",
	} {
		require.Equal(c, want, config[key], key)
	}
	if c.v5 {
		require.Equal(c, "2", config["inSyncReplicas"])
	}
}

func fixtureRuntimeInfo(c *captured) {
	info, err := c.client.RuntimeInfo(c.Context(), peerAddress)
	require.NoError(c, err)
	require.Equal(c, "0", info["dispatchBehindBytes"])
	require.Equal(c, "0", info["commitLogMinOffset"])
	end, err := strconv.Atoi(info["commitLogMaxOffset"])
	require.NoError(c, err)
	require.Positive(c, end)
	require.True(c, strings.HasPrefix(info["brokerVersionDesc"], "V5_4_0") == c.v5 && strings.HasPrefix(info["brokerVersionDesc"], "V4_9_7") == !c.v5, info["brokerVersionDesc"])
	for _, key := range []string{"bootTimestamp", "commitLogDiskRatio", "remainHowManyDataToFlush", "pageCacheLockTimeMills", "EndTransactionQueueSize"} {
		require.NotEmpty(c, info[key], key)
	}
}

func fixtureTopicConfig(c *captured) {
	config, err := c.client.TopicConfig(c.Context(), peerAddress, "fixture-wide")
	if !c.v5 {
		c.requireRefused(err, RequestCodeNotKnown, "request type 351 not supported")
		return
	}
	require.NoError(c, err)
	require.Equal(c, &TopicConfig{Name: "fixture-wide", ReadQueueNums: 4, WriteQueueNums: 4, Perm: PermRead | PermWrite, FilterType: "SINGLE_TAG"}, config)
}

func fixtureHAStatus(c *captured) {
	status, err := c.client.HAStatus(c.Context(), peerAddress)
	if !c.v5 {
		c.requireRefused(err, RequestCodeNotKnown, "request type 907 not supported")
		return
	}
	require.NoError(c, err)
	require.True(c, status.Master)
	require.Equal(c, 1, status.InSyncSlaveNums)
	require.Len(c, status.Connections, 1)
	slave := status.Connections[0]
	require.Regexp(c, `^127\.0\.0\.1:\d+$`, slave.Address)
	require.True(c, slave.InSync)
	require.Equal(c, status.MasterCommitLogMaxOffset, slave.SlaveAckOffset+slave.Diff)
	require.Positive(c, slave.TransferFromWhere)
}
