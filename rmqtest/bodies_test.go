package rmqtest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// What a 5.4.0 broker and name server write, with its bare and its object-valued keys.
func TestBodiesHaveTheLayoutOfABroker(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl, address := client(t, c), c.Brokers()[0].Addr()
	route := func(version int) string {
		response, err := cl.CallNameServer(soon(t), func() *remoting.Command {
			request := remoting.NewRequest(remoting.GetRouteInfoByTopic, remoting.TopicHeader{Topic: "orders"}, nil)
			request.Version = version
			return request
		})
		require.NoError(t, err)
		return string(response.Body)
	}
	const routed = `{"brokerDatas":[{"brokerAddrs":{%s:"%s"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}],` +
		`"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","readQueueNums":1,"writeQueueNums":1,"perm":6,"topicSysFlag":0}]}`
	require.Equal(t, fmt.Sprintf(routed, `0`, address), route(317), "the official client's version")
	require.Equal(t, fmt.Sprintf(routed, `"0"`, address), route(401))

	response, err := cl.CallNameServer(soon(t), func() *remoting.Command { return remoting.NewRequest(remoting.GetBrokerClusterInfo, nil, nil) })
	require.NoError(t, err)
	require.Equal(t, `{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"`+address+`"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}},`+
		`"clusterAddrTable":{"DefaultCluster":["broker-a"]}}`, string(response.Body))

	require.Equal(t, `{"offsetTable":{{"topic":"orders","brokerName":"broker-a","queueId":0}:{"minOffset":0,"maxOffset":0,"lastUpdateTimestamp":0}},"topicPutTps":0.0}`,
		string(call(t, c, cl, remoting.GetTopicStatsInfo, remoting.TopicHeader{Topic: "orders"}, nil).Body))
}
