package producer_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// The page names every scenario that shows what it says.
func TestPageNamesItsTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/ACL.md")
	require.NoError(t, err)
	for _, s := range append(access, only4...) {
		require.Contains(t, string(page), s.name)
	}
}

func TestAccess5(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{Version: "5.4.0", ACL: true})
	together(t, c, access...)
}

func TestAccess4(t *testing.T) {
	t.Parallel()
	c := cluster.Run(t, cluster.Config{Version: "4.9.7", ACL: true})
	together(t, c, append(access, only4...)...)
	inTurn(t, c,
		scenario{"FoundIsNotFlushed", foundIsNotFlushed},
		scenario{"StalledFlushAcknowledgesNothing", stalledFlushAcknowledgesNothing},
	)
}

var access = []scenario{
	{"ExactRights", exactRights},
	{"RightByRight", rightByRight},
	{"NothingBeyondThem", nothingBeyondThem},
	{"TopicCreatedBySending", topicCreatedBySending},
	{"RightsWithANamespace", rightsWithANamespace},
	{"NoRightToSend", noRightToSend},
	{"NoRightToLookUp", noRightToLookUp},
	{"WrongSecret", wrongSecret},
	{"UnknownAccount", unknownAccount},
	{"NoAccount", noAccount},
}

var only4 = []scenario{{"BatchesAreNotChecked", batchesAreNotChecked}}

// account makes one with these actions on the test's topic, and is the cluster as it sees it.
func (on *world) account(actions ...cluster.Action) holdfast.Cluster {
	on.Helper()
	return on.accountFor(on.topic, actions...)
}

func (on *world) accountFor(topic string, actions ...cluster.Action) holdfast.Cluster {
	on.Helper()
	a := cluster.Account{AccessKey: "account-" + rand.Text(), SecretKey: rand.Text()}
	if len(actions) > 0 {
		a.Rights = []cluster.Right{{Resource: "Topic:" + topic, Actions: actions}}
	}
	c, err := on.cluster.CreateAccount(on.soon(), a)
	require.NoError(on, err)
	return c
}

// documented is the actions on a topic that docs/ACL.md says a producer needs.
func (on *world) documented() []cluster.Action {
	if on.is4x() {
		return []cluster.Action{cluster.Pub, cluster.Sub}
	}
	return []cluster.Action{cluster.Pub, cluster.Get}
}

func (on *world) is4x() bool { return strings.HasPrefix(on.cluster.Config().Version, "4.") }

// An account with the rights that are documented, and no other, can do all that the producer
// promises; and the producer asks for nothing that is not documented.
func exactRights(on *world) {
	as := on.account(on.documented()...)
	proxy := on.proxy()
	var mu sync.Mutex
	asked := map[int]bool{}
	proxy.Intercept(rmqtest.Any, func(r *rmqtest.Request) rmqtest.Action {
		mu.Lock()
		defer mu.Unlock()
		asked[r.Code] = true
		return rmqtest.Pass()
	})
	as.NameServers = proxy.Holdfast().NameServers
	p := on.producerOf(as, patient)

	var r record
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			id := fmt.Sprint("o-", i)
			msg := on.order(id)
			if i%4 == 0 {
				msg.WithShardingKey(id)
			}
			_, err := p.Send(on.soon(), msg)
			r.note(id, outcomeOf(err))
			if err != nil {
				on.Error(err)
			}
		})
	}
	_, err := p.SendSync(on.soon(), on.orders("b-", 3)...)
	require.NoError(on, err)
	for i := range 3 {
		r.note(fmt.Sprint("b-", i), acknowledged)
	}
	on.mustSend(p, on.order("later").WithDelayTimeLevel(1))
	r.note("later", acknowledged)
	wg.Wait()
	on.eventually(func() bool { return len(on.copies("later")) == 1 }, "delivered")

	// An answer is lost, and no other attempt arrives: the message is found.
	storeOnce(proxy, "lost")
	ended := make(chan error, 1)
	go func() { _, err := p.Send(on.soon(), on.order("lost")); ended <- err }()
	on.eventually(func() bool { return len(on.copies("lost")) == 1 }, "stored")
	on.requireFound(p, on.mustSend(p, on.order("cover")))
	require.NoError(on, <-ended)
	r.note("lost", acknowledged)
	r.note("cover", acknowledged)
	require.Zero(on, on.requireTruth(&r).duplicated)

	require.NoError(on, p.Close(on.soon()))
	mu.Lock()
	defer mu.Unlock()
	known := []int{
		remoting.SendMessage, remoting.SendMessageV2, remoting.SendBatchMessage, remoting.QueryMessage,
		remoting.HeartBeat, remoting.UnregisterClient, remoting.GetRouteInfoByTopic, remoting.GetBrokerClusterInfo,
	}
	for code := range asked {
		require.True(on, slices.Contains(known, code), "request %d", code)
	}
	require.True(on, asked[remoting.SendBatchMessage] && asked[remoting.QueryMessage])
}

// With the documented rights an account takes nothing out of a topic, and moves no group.
func nothingBeyondThem(on *world) {
	broker := on.cluster.Master(0).Address()
	for name, request := range map[string]*remoting.Command{
		"pull": remoting.NewRequest(remoting.PullMessage, remoting.PullMessageHeader{
			ConsumerGroup: group, Topic: on.topic, MaxMsgNums: 1, SysFlag: remoting.PullSubscription, Subscription: "*", ExpressionType: "TAG",
		}, nil),
		"commit": remoting.NewRequest(remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: group, Topic: on.topic}, nil),
		"create": remoting.NewRequest(remoting.UpdateAndCreateTopic, remoting.CreateTopicHeader{Topic: on.topic, ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6}, nil),
	} {
		answer := on.answer(broker, request, on.documented()...)
		require.True(on, refusedByACL(answer), "%s: %d %s", name, answer.Code, answer.Remark)
	}
}

// Where brokers create topics by themselves, that takes no right of its own.
func topicCreatedBySending(on *world) {
	on.topic += "-new"
	p := on.producerOf(on.account(on.documented()...))
	on.requireFound(p, on.mustSend(p, on.order("o-1")))
}

// Rights are on the topic's name on the wire, which has the namespace in it.
func rightsWithANamespace(on *world) {
	wire := "shop-eu%" + on.topic
	require.NoError(on, on.cluster.CreateTopic(on.soon(), wire, 2))
	as := on.accountFor(wire, on.documented()...)
	as.Namespace = "shop-eu"
	p := on.producerOf(as)
	on.requireFound(p, on.mustSend(p, on.order("o-1")))

	as = on.account(on.documented()...)
	as.Namespace = "shop-eu"
	_, err := on.producerOf(as).Send(on.soon(), on.order("o-2"))
	require.Equal(on, notStored, outcomeOf(err), "%v", err)
	require.Len(on, on.storedIn(wire), 1)
}

// Each right, request by request: with it, and with all others but it.
func rightByRight(on *world) {
	heartbeat, err := json.Marshal(map[string]any{
		"clientID": "c", "producerDataSet": []any{map[string]any{"groupName": group}}, "consumerDataSet": []any{},
	})
	require.NoError(on, err)
	header := remoting.SendMessageHeader{ProducerGroup: group, Topic: on.topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4}
	batchHeader := header
	batchHeader.Batch = true
	batch, err := remoting.AppendBatch(nil, remoting.BatchMessage{Body: []byte("x")})
	require.NoError(on, err)

	broker, nameServer := on.cluster.Master(0).Address(), on.cluster.NameServer().Address()
	short := func(code int, header remoting.SendMessageHeader, body []byte) *remoting.Command {
		request := remoting.NewRequest(code, nil, body)
		request.Ext = remoting.EncodeShortHeader(header)
		return request
	}
	for _, row := range []struct {
		name    string
		address string
		needs   []cluster.Action // one of them; none: an account is enough
		request func() *remoting.Command
	}{
		{"SEND_MESSAGE", broker, []cluster.Action{cluster.Pub}, func() *remoting.Command {
			return remoting.NewRequest(remoting.SendMessage, header, []byte("x"))
		}},
		{"SEND_MESSAGE_V2", broker, []cluster.Action{cluster.Pub}, func() *remoting.Command {
			return short(remoting.SendMessageV2, header, []byte("x"))
		}},
		{"SEND_BATCH_MESSAGE", broker, on.for5(cluster.Pub), func() *remoting.Command {
			return short(remoting.SendBatchMessage, batchHeader, batch)
		}},
		{"QUERY_MESSAGE", broker, append(on.for5(cluster.Get), cluster.Sub), func() *remoting.Command {
			return remoting.NewRequest(remoting.QueryMessage, remoting.QueryMessageHeader{Topic: on.topic, Key: "k", MaxNum: 1, EndTimestamp: math.MaxInt64}, nil)
		}},
		{"HEART_BEAT", broker, nil, func() *remoting.Command { return remoting.NewRequest(remoting.HeartBeat, nil, heartbeat) }},
		{"UNREGISTER_CLIENT", broker, nil, func() *remoting.Command {
			return remoting.NewRequest(remoting.UnregisterClient, remoting.UnregisterClientHeader{ClientID: "c", ProducerGroup: group}, nil)
		}},
		{"GET_ROUTEINFO_BY_TOPIC", nameServer, nil, func() *remoting.Command {
			return remoting.NewRequest(remoting.GetRouteInfoByTopic, remoting.TopicHeader{Topic: on.topic}, nil)
		}},
		{"GET_BROKER_CLUSTER_INFO", nameServer, nil, func() *remoting.Command {
			return remoting.NewRequest(remoting.GetBrokerClusterInfo, nil, nil)
		}},
	} {
		all := []cluster.Action{cluster.Pub, cluster.Sub}
		if !on.is4x() {
			all = append(all, cluster.Get, cluster.Create, cluster.Update, cluster.Delete, cluster.List)
		}
		for _, action := range row.needs {
			answer := on.answer(row.address, row.request(), action)
			require.False(on, refusedByACL(answer), "%s with %s: %d %s", row.name, action, answer.Code, answer.Remark)
		}
		rest := slices.DeleteFunc(all, func(a cluster.Action) bool { return slices.Contains(row.needs, a) })
		if len(row.needs) == 0 {
			rest = nil // and without any right
		}
		answer := on.answer(row.address, row.request(), rest...)
		require.Equal(on, len(row.needs) > 0, refusedByACL(answer), "%s without %v: %d %s", row.name, row.needs, answer.Code, answer.Remark)
	}
}

// for5 is actions that ACL 2.0 knows, or asks for.
func (on *world) for5(actions ...cluster.Action) []cluster.Action {
	if on.is4x() {
		return nil
	}
	return actions
}

// answer is what an account with these actions is answered.
func (on *world) answer(address string, request *remoting.Command, actions ...cluster.Action) *remoting.Command {
	on.Helper()
	client := remoting.NewClient(on.account(actions...))
	defer client.Close()
	answer, err := client.Call(on.soon(), address, request)
	require.NoError(on, err)
	return answer
}

// refusedByACL knows both versions' refusals: 5.x has a code for it, 4.x an exception's name.
func refusedByACL(answer *remoting.Command) bool {
	return answer.Code == remoting.NoPermission ||
		answer.Code == remoting.SystemError && strings.Contains(answer.Remark, "AclException")
}
