package rmqtest

import (
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// systemGroups are consumer groups that every broker knows.
var systemGroups = []string{
	"TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP", "CID_ONSAPI_OWNER",
	"CID_ONSAPI_PERMISSION", "CID_ONSAPI_PULL", "CID_ONS-HTTP-PROXY", "CID_SYS_RMQ_TRANS",
}

// groupConfig is a broker's configuration of a consumer group.
type groupConfig struct {
	Name          string `json:"groupName"`
	ConsumeEnable bool   `json:"consumeEnable"`
	RetryQueues   int    `json:"retryQueueNums"`
	RetryMaxTimes int    `json:"retryMaxTimes"`
	BrokerID      int    `json:"brokerId"`
	SlowBrokerID  int    `json:"whichBrokerWhenConsumeSlowly"`
	Notify        bool   `json:"notifyConsumerIdsChangedEnable"`
}

func newGroup(name string) groupConfig {
	return groupConfig{Name: name, ConsumeEnable: true, RetryQueues: 1, RetryMaxTimes: 16, SlowBrokerID: 1, Notify: true}
}

// groupTable is the consumer groups of one broker.
type groupTable struct {
	autoCreate func() bool

	mu     sync.Mutex
	groups map[string]groupConfig
}

func newGroupTable(autoCreate func() bool) *groupTable {
	t := &groupTable{autoCreate: autoCreate, groups: map[string]groupConfig{}}
	for _, name := range systemGroups {
		t.groups[name] = newGroup(name)
	}
	return t
}

func (t *groupTable) get(name string) (groupConfig, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	found, ok := t.groups[name]
	return found, ok
}

// find is get for whoever uses a group: it makes one that is unknown, if that is allowed.
func (t *groupTable) find(name string) (groupConfig, bool) {
	found, ok := t.get(name)
	if ok || !t.autoCreate() || strings.TrimSpace(name) == "" || strings.ContainsFunc(name, illegalInName) {
		return found, ok
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if found, ok = t.groups[name]; !ok {
		found = newGroup(name)
		t.groups[name] = found
	}
	return found, true
}

func (t *groupTable) put(config groupConfig) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.groups[config.Name] = config
}

func (t *groupTable) remove(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.groups, name)
}

func (t *groupTable) all() map[string]groupConfig {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.groups)
}

// putGroup answers UPDATE_AND_CREATE_SUBSCRIPTIONGROUP.
func (b *Broker) putGroup(c *call) {
	config := newGroup("")
	if err := remoting.UnmarshalFastjson(c.request.Body, &config); err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	if strings.TrimSpace(config.Name) == "" || strings.ContainsFunc(config.Name, illegalInName) {
		c.fail(invalidParameter, "The specified group: "+config.Name+", contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$")
		return
	}
	b.groups.put(config)
	c.ok(nil)
}

// listGroups answers GET_ALL_SUBSCRIPTIONGROUP_CONFIG.
func (b *Broker) listGroups(c *call) {
	body, err := json.Marshal(map[string]any{"subscriptionGroupTable": b.groups.all(), "dataVersion": dataVersion()})
	if err != nil {
		c.fail(remoting.SystemError, err.Error())
		return
	}
	c.okBody(nil, body)
}

// removeGroup answers DELETE_SUBSCRIPTIONGROUP.
func (b *Broker) removeGroup(c *call) {
	var header remoting.GroupNameHeader
	if !c.decode(&header) {
		return
	}
	b.groups.remove(header.GroupName)
	if c.request.Ext["cleanOffset"] == "true" {
		b.offsets.remove(func(key offsetKey) bool { return key.group == header.GroupName })
	}
	c.ok(nil)
}
