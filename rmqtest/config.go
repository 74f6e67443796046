package rmqtest

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Keys of a broker's configuration that have an effect here, also when they are changed
// while the broker runs.
const (
	keyAutoCreateTopic = "autoCreateTopicEnable"
	keyAutoCreateGroup = "autoCreateSubscriptionGroup"
	keyMaxMessageSize  = "maxMessageSize"
	keyPermission      = "brokerPermission"
)

// brokerConfig is a broker's configuration, as text like that of a real one.
type brokerConfig struct {
	mu     sync.RWMutex
	values map[string]string
}

func newBrokerConfig(name string, o options) *brokerConfig {
	flush, role := "SYNC_FLUSH", "ASYNC_MASTER"
	if o.asyncFlush {
		flush = "ASYNC_FLUSH"
	}
	if o.inSyncReplicas > 1 {
		role = "SYNC_MASTER"
	}
	return &brokerConfig{values: map[string]string{
		keyAutoCreateTopic: strconv.FormatBool(o.createTopics),
		keyAutoCreateGroup: strconv.FormatBool(o.createGroups),
		keyMaxMessageSize:  strconv.Itoa(o.maxMessageSize),
		keyPermission:      strconv.Itoa(permReadWrite),

		"brokerName":                     name,
		"brokerClusterName":              clusterName,
		"brokerId":                       remoting.MasterID,
		"brokerIP1":                      "127.0.0.1",
		"brokerIP2":                      "127.0.0.1",
		"brokerRole":                     role,
		"flushDiskType":                  flush,
		"inSyncReplicas":                 strconv.Itoa(o.inSyncReplicas),
		"minInSyncReplicas":              "1",
		"totalReplicas":                  strconv.Itoa(o.inSyncReplicas),
		"allAckInSyncStateSet":           "false",
		"enableAutoInSyncReplicas":       "false",
		"enableControllerMode":           "false",
		"enableDLegerCommitLog":          "false",
		"transientStorePoolEnable":       "false",
		"enableRunningFlagsInFlush":      "false",
		"syncFlushTimeout":               millis(o, flushTimeout),
		"slaveTimeout":                   millis(o, slaveTimeout),
		"messageDelayLevel":              "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h",
		"defaultTopicQueueNums":          strconv.Itoa(defaultTopicQueues),
		"transactionTimeOut":             "6000",
		"transactionCheckMax":            "15",
		"transactionCheckInterval":       "30000",
		"rejectTransactionMessage":       "false",
		"enablePropertyFilter":           "false",
		"timerWheelEnable":               "true",
		"fileReservedTime":               "72",
		"cleanFileForciblyEnable":        "true",
		"diskMaxUsedSpaceRatio":          "75",
		"slaveReadEnable":                "false",
		"authenticationEnabled":          strconv.FormatBool(o.signed),
		"authorizationEnabled":           "false",
		"aclEnable":                      "false",
		"waitTimeMillsInSendQueue":       "200",
		"enableSlaveActingMaster":        "false",
		"longPollingEnable":              "true",
		"storeReplyMessageEnable":        "true",
		"traceOn":                        "true",
		"regionId":                       region,
		"msgTraceTopicName":              "RMQ_SYS_TRACE_TOPIC",
		"flushIntervalCommitLog":         "500",
		"flushCommitLogThoroughInterval": "10000",
	}}
}

func (c *brokerConfig) get(key string) string {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.values[key]
}

func (c *brokerConfig) bool(key string) bool { return strings.EqualFold(c.get(key), "true") }

// int is 0 for what is no number.
func (c *brokerConfig) int(key string) int {
	n, _ := strconv.Atoi(c.get(key))
	return n
}

func (c *brokerConfig) update(values map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.Copy(c.values, values)
}

func (c *brokerConfig) listensOn(port uint16) {
	c.update(map[string]string{"listenPort": strconv.Itoa(int(port)), "haListenPort": strconv.Itoa(int(port) + 1)})
}

// lines is the configuration as text, sorted by key.
func (c *brokerConfig) lines() []byte {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		text.WriteString(key + "=" + c.values[key] + "\n")
	}
	return []byte(text.String())
}

// getConfig answers GET_BROKER_CONFIG.
func (b *Broker) getConfig(c *call) {
	version, _ := json.Marshal(dataVersion()) // numbers always encode
	response := c.response(remoting.Success, "")
	response.Ext["version"], response.Body = string(version), b.config.lines()
	c.answer(response)
}

// updateConfig answers UPDATE_BROKER_CONFIG. What has no effect is remembered all the same.
func (b *Broker) updateConfig(c *call) {
	values := map[string]string{}
	for line := range strings.Lines(string(c.request.Body)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			values[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	b.config.update(values)
	c.ok(nil)
}

func millis(o options, d time.Duration) string {
	return strconv.FormatInt(o.scaled(d).Milliseconds(), 10)
}
