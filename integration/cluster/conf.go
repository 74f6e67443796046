package cluster

import (
	"fmt"
	"maps"
	"strconv"
)

const (
	masterID = "0"
	slaveID  = "1"

	// localhost is where every node listens and what brokers tell clients and each other.
	localhost = "127.0.0.1"
)

// plan lists the nodes of a cluster, the name server first.
func plan(config Config, ports *portBlock) ([]Spec, error) {
	nameServerPort := ports.nameServer()
	specs := []Spec{{
		Name: "name server", Kind: NameServer, Port: nameServerPort,
		Config: map[string]string{"listenPort": strconv.Itoa(nameServerPort)},
		Files:  logFiles(), JVM: smallFlags(NameServer),
	}}
	for i, b := range brokers(config.Flavour) {
		spec, err := b.spec(config, ports.broker(i), address(nameServerPort))
		if err != nil {
			return nil, err
		}
		specs = append(specs, spec)
	}
	for i := range specs {
		specs[i].Version, specs[i].Lock = config.Version, ports.lock.file.Name()
	}
	return specs, nil
}

// broker is what tells one broker of a flavour from the others.
type broker struct {
	name, id, role, flush string
}

func brokers(f Flavour) []broker {
	switch f {
	case AsyncFlush:
		return []broker{{"broker-a", masterID, "ASYNC_MASTER", "ASYNC_FLUSH"}}
	case TwoBrokers:
		return []broker{{"broker-a", masterID, "ASYNC_MASTER", "SYNC_FLUSH"}, {"broker-b", masterID, "ASYNC_MASTER", "SYNC_FLUSH"}}
	case MasterSlave:
		return []broker{{"broker-a", masterID, "SYNC_MASTER", "SYNC_FLUSH"}, {"broker-a", slaveID, "SLAVE", "SYNC_FLUSH"}}
	default:
		return []broker{{"broker-a", masterID, "ASYNC_MASTER", "SYNC_FLUSH"}}
	}
}

func (b broker) spec(config Config, port int, nameServer string) (Spec, error) {
	spec := Spec{
		Name: b.name, Kind: Broker, Port: port, Broker: b.name, BrokerID: b.id,
		Files: logFiles(), JVM: append(smallFlags(Broker), config.JVM...),
	}
	if b.id != masterID {
		spec.Name += "-slave"
	}
	spec.Config = b.conf(port, nameServer)
	if config.ACL {
		if err := addACL(config, &spec); err != nil {
			return Spec{}, fmt.Errorf("cluster: %s: %w", spec.Name, err)
		}
	}
	maps.Copy(spec.Config, config.Extra)
	return spec, nil
}

// conf is broker.conf without the paths, which are the launcher's business.
func (b broker) conf(port int, nameServer string) map[string]string {
	conf := map[string]string{
		"brokerClusterName": "DefaultCluster",
		"brokerName":        b.name,
		"brokerId":          b.id,
		"brokerRole":        b.role,
		"flushDiskType":     b.flush,
		"namesrvAddr":       nameServer,
		"listenPort":        strconv.Itoa(port),
		"haListenPort":      strconv.Itoa(port + haPort),
		"brokerIP1":         localhost,
		"brokerIP2":         localhost,

		// Small files: a store of a few megabytes, quickly made.
		"mappedFileSizeCommitLog":    "67108864",
		"mappedFileSizeConsumeQueue": "100000",
		"mappedFileSizeTimerLog":     "10485760",
		"maxHashSlotNum":             "50000",
		"maxIndexNum":                "200000",
		"fileReservedTime":           "72",
		"diskMaxUsedSpaceRatio":      "95",

		"autoCreateTopicEnable":       "true",
		"autoCreateSubscriptionGroup": "true",
		"slaveReadEnable":             "false",
		"transientStorePoolEnable":    "false",
		"syncFlushTimeout":            "5000",

		// A slow machine is not a fault: let requests wait instead of refusing them as busy.
		"waitTimeMillsInSendQueue":    "3000",
		"osPageCacheBusyTimeOutMills": "5000",

		// The shortest period there is: after a restart of the name server a broker is in its
		// routes again after 10 s at most.
		"registerNameServerPeriod": "10000",

		// Retries and check-backs in seconds instead of minutes.
		"messageDelayLevel":          "1s 1s 1s 1s 1s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s 2s",
		"transactionTimeOut":         "3000",
		"transactionCheckInterval":   "3000",
		"transactionCheckMax":        "15",
		"transactionOpBatchInterval": "300",
	}
	if b.flush == "SYNC_FLUSH" {
		conf["enableRunningFlagsInFlush"] = "true"
	}
	if b.role == "SYNC_MASTER" {
		maps.Copy(conf, map[string]string{"totalReplicas": "2", "inSyncReplicas": "2", "minInSyncReplicas": "2", "slaveTimeout": "3000"})
	}
	return conf
}

// logFiles have everything logged on the terminal: 5.x takes the first by a flag, 4.x the
// others by their place.
func logFiles() map[string]string {
	return map[string]string{
		LogConfigFile:         logConfig("org.apache.rocketmq.logging."),
		"logback_broker.xml":  logConfig(""),
		"logback_namesrv.xml": logConfig(""),
	}
}

func logConfig(prefix string) string {
	return `<configuration>
  <appender name="out" class="` + prefix + `ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %p %c{0} %m%n</pattern></encoder>
  </appender>
  <!-- it warns five times per check that there is nothing to check -->
  <logger name="RocketmqTransaction" level="ERROR"/>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
`
}

func address(port int) string { return localhost + ":" + strconv.Itoa(port) }
