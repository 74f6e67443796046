package producer_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	mqproducer "github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/producer"
)

// raw is the official client's producer, used as its own examples use it.
func raw(t testing.TB, c holdfast.Cluster) rocketmq.Producer {
	t.Helper()
	p, err := rocketmq.NewProducer(
		mqproducer.WithNameServer(c.NameServers),
		mqproducer.WithGroupName("raw"),
		mqproducer.WithInstanceName(rand.Text()),
		mqproducer.WithRetry(3),
	)
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { _ = p.Shutdown() })
	return p
}

const halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"

// endTransactionHeader is that of END_TRANSACTION.
type endTransactionHeader struct {
	ProducerGroup        string `rmq:"producerGroup"`
	TranStateTableOffset int64  `rmq:"tranStateTableOffset"`
	CommitLogOffset      int64  `rmq:"commitLogOffset"`
	CommitOrRollback     int    `rmq:"commitOrRollback"`
	FromTransactionCheck bool   `rmq:"fromTransactionCheck"`
	MsgID                string `rmq:"msgId"`
	TransactionID        string `rmq:"transactionId"`
}

const commit = 8

// committed sends a transactional message, commits it, and returns it as a consumer gets it.
func (on *world) committed(id string) *primitive.MessageExt {
	on.Helper()
	var random [16]byte
	_, _ = rand.Read(random[:])
	unique := fmt.Sprintf("%X", random)
	master := on.cluster.Master(0).Address()
	answer, err := on.client.Do(on.soon(), master, remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: "payments", Topic: on.topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4,
		SysFlag: remoting.FlagPrepared, BornTimestamp: time.Now().UnixMilli(),
		Properties: remoting.EncodeProperties(map[string]string{"TRAN_MSG": "true", "PGROUP": "payments", "UNIQ_KEY": unique, "KEYS": id}),
	}, []byte("order "+id+";")))
	require.NoError(on, err)
	var half remoting.SendMessageResponse
	require.NoError(on, remoting.DecodeHeader(answer.Ext, &half))
	_, offset, err := remoting.ParseOffsetMsgID(half.MsgID)
	require.NoError(on, err)
	require.Empty(on, on.copies(id))

	_, err = on.client.Do(on.soon(), master, remoting.NewRequest(remoting.EndTransaction, endTransactionHeader{
		ProducerGroup: "payments", TranStateTableOffset: half.QueueOffset, CommitLogOffset: offset, CommitOrRollback: commit,
		MsgID: unique, TransactionID: unique,
	}, nil))
	require.NoError(on, err)
	copies := on.copies(id)
	require.Len(on, copies, 1)
	return delivered(copies[0])
}

// delivered is a stored message as a consumer gets it.
func delivered(m *remoting.Message) *primitive.MessageExt {
	msg := &primitive.MessageExt{MsgId: m.UniqueKey(), OffsetMsgId: m.OffsetMsgID(), QueueOffset: m.QueueOffset, CommitLogOffset: m.CommitLogOffset}
	msg.Topic, msg.Body, msg.Flag = m.Topic, m.Body, m.Flag
	msg.WithProperties(m.Properties)
	return msg
}

// A committed transactional message that is sent on with its properties is answered SEND_OK
// and seen by nobody; by way of Forward it arrives.
func forwardOfACommittedTransaction(on *world) {
	paid := on.committed("paid")
	require.Equal(on, "true", paid.GetProperty(primitive.PropertyTransactionPrepared), "it still says that it is a half")
	shipping := on.newTopic("-shipping", 2)

	rawCopy := primitive.NewMessage(shipping, paid.Body)
	rawCopy.WithProperties(paid.GetProperties())
	rawResult, err := raw(on, on.cluster.Holdfast()).SendSync(on.soon(), rawCopy)
	require.NoError(on, err)
	require.Equal(on, primitive.SendOK, rawResult.Status)

	p := on.producer()
	result := on.mustSend(p, producer.Forward(shipping, paid))
	again := on.mustSend(p, producer.Forward(on.topic, paid))

	messages := on.storedIn(shipping)
	require.Len(on, messages, 1, "the raw copy is answered SEND_OK, and not there")
	require.Equal(on, result.OffsetMsgID, messages[0].OffsetMsgID())
	require.Equal(on, paid.Body, messages[0].Body)
	require.Equal(on, paid.MsgId, messages[0].UniqueKey(), "recognisable where it comes twice")
	require.Equal(on, "paid", keyOf(messages[0]))
	require.NotContains(on, messages[0].Properties, "TRAN_MSG")
	require.Len(on, on.copies("paid"), 2)
	require.NotEqual(on, paid.MsgId, again.MsgID, "in its own topic it is another message")

	halves, err := on.client.QueryByUniqueKey(on.soon(), on.cluster.Master(0).Address(), halfTopic, paid.MsgId, 8)
	require.NoError(on, err)
	var to []string
	for _, half := range halves {
		to = append(to, half.Properties[primitive.PropertyRealTopic])
	}
	require.Contains(on, to, shipping, "it is a half message")

	_, err = p.Send(on.soon(), rawCopy)
	require.Equal(on, notStored, outcomeOf(err))
	require.ErrorContains(on, err, "producer.Forward", "a copy of all properties is refused, and the remedy named")
}
