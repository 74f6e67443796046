package conformance

import (
	"encoding/json"
	"net"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// member is a client of a group on a connection of its own, which hears what the broker has
// to say.
type member struct {
	on      *World
	id      string
	conn    net.Conn
	opaque  atomic.Int32
	answers chan *remoting.Command
	told    chan *remoting.Command // requests of the broker's
}

func (on *World) join() *member {
	on.t.Helper()
	conn, err := net.DialTimeout("tcp", on.broker, patience)
	require.NoError(on.t, err)
	m := &member{on: on, id: "client-" + newID(), conn: conn, answers: make(chan *remoting.Command, 1), told: make(chan *remoting.Command, 100)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := remoting.ReadFrame(conn, 0)
			switch {
			case err != nil:
				return
			case c.IsResponse():
				m.answers <- c
			default:
				m.told <- c
			}
		}
	}()
	on.t.Cleanup(func() {
		m.leave()
		<-done
	})
	return m
}

// leave closes the connection.
func (m *member) leave() { _ = m.conn.Close() }

// must sends a request, one at a time, and wants it to succeed.
func (m *member) must(request *remoting.Command) *remoting.Command {
	t := m.on.t
	t.Helper()
	request.Opaque = m.opaque.Add(1)
	if c := m.on.Cluster(); c.AccessKey != "" {
		request.Sign(c.AccessKey, c.SecretKey)
	}
	frame, err := request.AppendFrame(nil)
	require.NoError(t, err)
	_, err = m.conn.Write(frame)
	require.NoError(t, err)
	select {
	case answer := <-m.answers:
		require.Equal(t, remoting.Success, answer.Code, answer.Remark)
		return answer
	case <-time.After(patience):
		require.FailNow(t, "no answer", "request %d", request.Code)
		return nil
	}
}

// heartbeat makes the client a consumer of the topic, in the scenario's group, and a producer
// of that name. A broker filters by the hash codes of tags that the client has computed.
func (m *member) heartbeat(expression string, tags ...string) {
	m.on.t.Helper()
	codes := []int32{}
	for _, tag := range tags {
		codes = append(codes, hashCode(tag))
	}
	body, err := json.Marshal(map[string]any{
		"clientID":        m.id,
		"producerDataSet": []any{map[string]any{"groupName": m.on.group}},
		"consumerDataSet": []any{map[string]any{
			"groupName": m.on.group, "consumeType": "CONSUME_PASSIVELY", "messageModel": "CLUSTERING", "consumeFromWhere": "CONSUME_FROM_FIRST_OFFSET",
			"subscriptionDataSet": []any{map[string]any{
				"topic": m.on.topic, "subString": expression, "tagsSet": append([]string{}, tags...), "codeSet": codes, "subVersion": 1, "expressionType": "TAG",
			}},
		}},
	})
	require.NoError(m.on.t, err)
	m.must(remoting.NewRequest(remoting.HeartBeat, nil, body))
}

// isTold waits for the broker to say that the group has changed.
func (m *member) isTold() {
	m.on.t.Helper()
	select {
	case c := <-m.told:
		require.Equal(m.on.t, remoting.NotifyConsumerIDs, c.Code)
		require.Equal(m.on.t, m.on.group, c.Ext["consumerGroup"])
		require.True(m.on.t, c.IsOneWay())
	case <-time.After(patience):
		require.FailNow(m.on.t, "the member was not told")
	}
}

// hashCode is Java's, of ASCII strings.
func hashCode(s string) int32 {
	var h int32
	for _, c := range []byte(s) {
		h = 31*h + int32(c)
	}
	return h
}
