package conformance

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var administration = []Scenario{
	{Name: "BrokerConfig", Run: brokerConfig},
	{Name: "RuntimeInfo", Queues: 1, Run: runtimeInfo},
	{Name: "HAStatusWithoutASlave", Run: haStatusWithoutASlave},
	{Name: "HAStatusOfAMaster", On: Replicated, Queues: 1, Run: haStatusOfAMaster},
	{Name: "TopicConfig", Queues: 3, Run: topicConfig},
	{Name: "MessageSizeIsConfigured", Queues: 1, Alone: true, Run: messageSizeIsConfigured},
}

func brokerConfig(t *testing.T, on *World) {
	config, err := on.client.BrokerConfig(on.soon(), on.broker)
	require.NoError(t, err)
	for key, want := range map[string]string{
		"brokerName": on.name, "brokerId": "0", "brokerRole": "ASYNC_MASTER", "flushDiskType": "SYNC_FLUSH",
		"maxMessageSize": strconv.Itoa(maxBody), "autoCreateTopicEnable": "true", "autoCreateSubscriptionGroup": "true",
		"inSyncReplicas": "1", "transientStorePoolEnable": "false", "slaveReadEnable": "false", "brokerPermission": "6",
	} {
		require.Equal(t, want, config[key], key)
	}
	for _, key := range []string{"syncFlushTimeout", "slaveTimeout", "minInSyncReplicas", "listenPort", "fileReservedTime", "transactionCheckMax", "transactionCheckInterval", "messageDelayLevel"} {
		require.NotEmpty(t, config[key], key)
	}
}

func runtimeInfo(t *testing.T, on *World) {
	end := func() int64 {
		info, err := on.client.RuntimeInfo(on.soon(), on.broker)
		require.NoError(t, err)
		for _, key := range []string{"brokerVersionDesc", "bootTimestamp", "commitLogMinOffset", "commitLogDiskRatio", "dispatchBehindBytes", "remainHowManyDataToFlush", "pageCacheLockTimeMills", "EndTransactionQueueSize"} {
			require.Contains(t, info, key)
		}
		require.Regexp(t, `^V5_`, info["brokerVersionDesc"])
		require.Equal(t, "true", info["brokerActive"])
		n, err := strconv.ParseInt(info["commitLogMaxOffset"], 10, 64)
		require.NoError(t, err)
		return n
	}
	before := end()
	on.mustSend(message{body: "x"})
	require.Greater(t, end(), before)
}

func haStatusWithoutASlave(t *testing.T, on *World) {
	status, err := on.client.HAStatus(on.soon(), on.broker)
	require.NoError(t, err)
	require.True(t, status.Master)
	require.Zero(t, status.InSyncSlaveNums)
	require.Empty(t, status.Connections)
}

func haStatusOfAMaster(t *testing.T, on *World) {
	on.mustSend(message{body: "x"})
	on.eventually(func() bool {
		status, err := on.client.HAStatus(on.soon(), on.broker)
		require.NoError(t, err)
		return status.Master && status.InSyncSlaveNums == 1 && len(status.Connections) == 1 && status.Connections[0].Diff == 0 && status.Connections[0].InSync
	}, "a slave in sync")
}

func topicConfig(t *testing.T, on *World) {
	config, err := on.client.TopicConfig(on.soon(), on.broker, on.topic)
	require.NoError(t, err)
	require.Equal(t, &remoting.TopicConfig{Name: on.topic, ReadQueueNums: 3, WriteQueueNums: 3, Perm: remoting.PermRead | remoting.PermWrite, FilterType: "SINGLE_TAG"}, config)
	_, err = on.client.TopicConfig(on.soon(), on.broker, on.topic+"-unknown")
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: remoting.TopicNotExist})
}

func messageSizeIsConfigured(t *testing.T, on *World) {
	set := func(n int) {
		t.Helper()
		require.NoError(t, on.client.UpdateBrokerConfig(on.soon(), on.broker, map[string]string{"maxMessageSize": strconv.Itoa(n)}))
	}
	set(1000)
	defer set(maxBody)
	config, err := on.client.BrokerConfig(on.soon(), on.broker)
	require.NoError(t, err)
	require.Equal(t, "1000", config["maxMessageSize"])
}
