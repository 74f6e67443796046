package rmqtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestOffsets(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 2)
	cl := client(t, c)
	query := func(queue int, options ...string) (int, string) {
		command := remoting.NewRequest(remoting.QueryConsumerOffset, remoting.QueryConsumerOffsetHeader{ConsumerGroup: "readers", Topic: "orders", QueueID: queue}, nil)
		for _, option := range options {
			command.Ext[option] = "false"
		}
		response, err := cl.Call(soon(t), c.Brokers()[0].Addr(), command)
		require.NoError(t, err)
		return response.Code, response.Ext["offset"]
	}
	update := func(topic string) int {
		return call(t, c, cl, remoting.UpdateConsumerOffset, remoting.UpdateConsumerOffsetHeader{ConsumerGroup: "readers", Topic: topic, CommitOffset: 7}, nil).Code
	}
	code, _ := query(0)
	require.Equal(t, remoting.QueryNotFound, code, "an empty queue")
	mustSend(t, c, cl, message("orders", "a", nil))
	code, offset := query(0)
	require.Equal(t, remoting.Success, code)
	require.Equal(t, "0", offset, "the queue still has its first message")
	code, _ = query(0, "setZeroIfNotFound")
	require.Equal(t, remoting.QueryNotFound, code)

	require.Equal(t, remoting.GroupNotExist, update("orders"), "nobody has used the group yet")
	call(t, c, cl, remoting.PullMessage, pull(0), nil)
	require.Equal(t, remoting.TopicNotExist, update("bills"))
	require.Equal(t, remoting.Success, update("orders"))
	_, offset = query(0)
	require.Equal(t, "7", offset)

	// A pull can carry an offset too.
	header := pull(1)
	header.SysFlag |= remoting.PullCommitOffset
	header.CommitOffset = 9
	call(t, c, cl, remoting.PullMessage, header, nil)
	_, offset = query(0)
	require.Equal(t, "9", offset)
}

func TestMaxMinAndSearchedOffset(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl, broker := client(t, c), c.Brokers()[0]
	search := func(at int64) string {
		response := call(t, c, cl, remoting.SearchOffsetByTimestamp, remoting.OffsetHeader{Topic: "orders", Timestamp: at}, nil)
		require.Equal(t, remoting.Success, response.Code)
		return response.Ext["offset"]
	}
	require.Equal(t, "0", search(1))
	for range 3 {
		mustSend(t, c, cl, message("orders", "a", nil))
	}
	end, err := cl.MaxOffset(soon(t), broker.Addr(), "orders", 0)
	require.NoError(t, err)
	require.EqualValues(t, 3, end)
	begin, err := cl.MinOffset(soon(t), broker.Addr(), "orders", 0)
	require.NoError(t, err)
	require.Zero(t, begin)
	end, err = cl.MaxOffset(soon(t), broker.Addr(), "unknown", 3)
	require.NoError(t, err)
	require.Zero(t, end)

	stored := c.Messages("orders")
	require.Equal(t, "0", search(stored[0].StoreTime.UnixMilli()))
	require.Equal(t, "0", search(1))
	require.Equal(t, "3", search(stored[2].StoreTime.UnixMilli()+1))
}
