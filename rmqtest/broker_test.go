package rmqtest_test

import (
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestBrokerGoneAndBack(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithBrokers("broker-a", "broker-b"), rmqtest.WithAsyncFlush())
	c.CreateTopic("orders", 1)
	cl, broker := client(t, c), c.Broker("broker-a")
	require.Nil(t, c.Broker("broker-c"))
	mustSend(t, c, cl, message("orders", "a", nil))
	lock(t, c, cl, "readers", "one", remoting.Queue{Topic: "orders", Broker: "broker-a"})

	broker.Stop()
	broker.Stop()
	eventually(t, func() bool {
		_, err := cl.Call(soon(t), broker.Addr(), message("orders", "b", nil))
		return errors.Is(err, syscall.ECONNREFUSED)
	}, "refused")
	route, err := cl.Route(soon(t), "orders")
	require.NoError(t, err)
	require.Len(t, route.Brokers, 1, "out of the route")
	info, err := cl.ClusterInfo(soon(t))
	require.NoError(t, err)
	require.Len(t, info.Brokers, 1)
	require.Equal(t, map[string][]string{"DefaultCluster": {"broker-b"}}, info.Clusters)

	broker.Start()
	broker.Start()
	mustSend(t, c, cl, message("orders", "b", nil))
	require.Equal(t, []string{"a", "b"}, bodies(c.Messages("orders")), "the store is kept, flushed or not")
	route, err = cl.Route(soon(t), "orders")
	require.NoError(t, err)
	require.Equal(t, broker.Addr(), route.Master("broker-a"))
	require.Equal(t, 1, lock(t, c, cl, "readers", "two", remoting.Queue{Topic: "orders", Broker: "broker-a"}), "locks are lost")
}

func TestPause(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl, broker := client(t, c), c.Brokers()[0]
	warm(t, c, cl)
	broker.Pause()
	before := begin(t, c, cl)              // on a connection that stays
	meanwhile := begin(t, c, client(t, c)) // on one that is accepted
	before.requireSilence(t)
	meanwhile.requireSilence(t)
	require.Empty(t, c.Messages("orders"))
	broker.Resume()
	before.requireAnswer(t, remoting.Success)
	meanwhile.requireAnswer(t, remoting.Success)
	require.Len(t, c.Messages("orders"), 2)

	broker.Pause()
	broker.Stop()
	broker.Start()
	mustSend(t, c, client(t, c), message("orders", "a", nil))
}

func TestSyncFlush(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.002)) // 5 s are 10 ms
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "flushed", nil))
	broker.StallFlush()
	response := send(t, c, cl, message("orders", "stalled", map[string]string{"UNIQ_KEY": "id"}))
	require.Equal(t, remoting.FlushDiskTimeout, response.Code)
	require.Equal(t, c.Messages("orders")[1].OffsetMsgID, response.Ext["msgId"])
	found, err := cl.QueryByUniqueKey(soon(t), broker.Addr(), "orders", "id", 32)
	require.NoError(t, err)
	require.Len(t, found, 1, "found, though not durable")
	mustSend(t, c, cl, message("orders", "careless", map[string]string{"WAIT": "false"}))

	broker.PowerFailure()
	require.Equal(t, []string{"flushed"}, bodies(c.Messages("orders")))
	broker.Start()
	cl = client(t, c) // the connection of the other may not know yet that it broke
	found, err = cl.QueryByUniqueKey(soon(t), broker.Addr(), "orders", "id", 32)
	require.NoError(t, err)
	require.Empty(t, found)
	mustSend(t, c, cl, message("orders", "later", nil))
	require.EqualValues(t, 1, c.Messages("orders")[1].QueueOffset)
}

func TestResumedFlushAnswersWhoWaits(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	cl, broker := client(t, c), c.Brokers()[0]
	c.CreateTopic("orders", 1)
	broker.StallFlush()
	answers := make(chan int, 3)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			response, err := cl.Call(soon(t), broker.Addr(), batchOf(t, "orders", "a", "b"))
			if err == nil {
				answers <- response.Code
			}
		})
	}
	eventually(t, func() bool { return len(c.Messages("orders")) == 6 }, "stored")
	require.Empty(t, answers)
	broker.ResumeFlush()
	wg.Wait()
	for range 3 {
		require.Equal(t, remoting.Success, <-answers)
	}
}

func TestAsyncFlush(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithAsyncFlush())
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "a", nil))
	broker.Flush()
	mustSend(t, c, cl, message("orders", "b", nil))
	broker.StallFlush()
	broker.Flush()
	config, err := cl.BrokerConfig(soon(t), broker.Addr())
	require.NoError(t, err)
	require.Equal(t, "ASYNC_FLUSH", config["flushDiskType"])
	broker.PowerFailure()
	broker.Start()
	require.Equal(t, []string{"a"}, bodies(c.Messages("orders")))
	broker.PowerFailure()
	require.Equal(t, []string{"a"}, bodies(c.Messages("orders")))
}

func TestSlave(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithInSyncReplicas(2), rmqtest.WithTimeScale(0.002))
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "a", nil))
	status, err := cl.HAStatus(soon(t), broker.Addr())
	require.NoError(t, err)
	require.True(t, status.Master)
	require.Equal(t, 1, status.InSyncSlaveNums)
	require.Len(t, status.Connections, 1)
	require.Zero(t, status.Connections[0].Diff)

	broker.LoseSlave()
	require.Equal(t, remoting.FlushSlaveTimeout, send(t, c, cl, message("orders", "b", nil)).Code)
	broker.StallFlush()
	require.Equal(t, remoting.FlushSlaveTimeout, send(t, c, cl, message("orders", "c", nil)).Code, "the slave has the last word")
	status, err = cl.HAStatus(soon(t), broker.Addr())
	require.NoError(t, err)
	require.Empty(t, status.Connections)
	broker.RestoreSlave()
	require.Equal(t, remoting.FlushDiskTimeout, send(t, c, cl, message("orders", "d", nil)).Code)
	broker.ResumeFlush()
	mustSend(t, c, cl, message("orders", "e", nil))
	require.Len(t, c.Messages("orders"), 5)
}

func TestDelayLevels(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.00001))
	cl := client(t, c)
	for _, level := range []string{"18", "2", "1", "99"} {
		mustSend(t, c, cl, message("orders", level, map[string]string{"DELAY": level, "KEYS": "k"}))
	}
	eventually(t, func() bool { return len(c.Messages("orders")) == 4 }, "all delivered")
	set := c.Messages("SCHEDULE_TOPIC_XXXX")
	require.Equal(t, []string{"1", "2", "18", "99"}, bodies(set))
	require.Equal(t, []int{0, 1, 17, 17}, []int{set[0].QueueID, set[1].QueueID, set[2].QueueID, set[3].QueueID})
	require.Equal(t, "18", set[3].Properties["DELAY"])
	for _, m := range c.Messages("orders") {
		require.Contains(t, m.Properties, "DELAY", "it stays, as on a real broker")
		require.NotContains(t, m.Properties, "WAIT")
		require.Equal(t, "orders", m.Properties["REAL_TOPIC"])
		require.Equal(t, "k", m.Keys)
	}
}

func TestTimedMessages(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.00001))
	cl := client(t, c)
	in := func(d time.Duration) string {
		return remoting.EncodeProperties(map[string]string{"TIMER_DELIVER_MS": millis(time.Now().Add(d))})
	}
	timed := func(properties string) *remoting.Command {
		header := sendHeader("orders", nil)
		header.Properties = properties
		return remoting.NewRequest(remoting.SendMessage, header, []byte("a"))
	}
	mustSend(t, c, cl, timed(in(time.Hour)))
	require.Len(t, c.Messages("rmq_sys_wheel_timer"), 1)
	mustSend(t, c, cl, message("orders", "b", map[string]string{"TIMER_DELAY_SEC": "60"}))
	mustSend(t, c, cl, message("orders", "c", map[string]string{"TIMER_DELAY_MS": "60"}))
	eventually(t, func() bool { return len(c.Messages("orders")) == 3 }, "delivered")
	require.Contains(t, c.Messages("orders")[0].Properties, "TIMER_DEQUEUE_MS")
	mustSend(t, c, cl, timed(in(-time.Hour)))
	require.Len(t, c.Messages("orders"), 4, "what is past is delivered at once")
	require.Equal(t, remoting.MessageIllegal, send(t, c, cl, timed(in(100*24*time.Hour))).Code)
	require.Equal(t, remoting.MessageIllegal, send(t, c, cl, message("orders", "d", map[string]string{"TIMER_DELAY_SEC": "soon"})).Code)
}

func millis(at time.Time) string {
	return remoting.EncodeHeader(remoting.OffsetResponse{Offset: at.UnixMilli()})["offset"]
}

func TestDelaysOutliveTheBroker(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.00001))
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "delayed", map[string]string{"DELAY": "18"})) // 72 ms
	broker.Stop()
	broker.Start()
	eventually(t, func() bool { return len(c.Messages("orders")) == 1 }, "delivered after the restart")
}

func TestPauseHoldsDelays(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.000001))
	cl, broker := client(t, c), c.Brokers()[0]
	mustSend(t, c, cl, message("orders", "delayed", map[string]string{"DELAY": "18"})) // 7 ms
	broker.Pause()
	had := len(c.Messages("orders"))
	time.Sleep(silence) // long enough for what must not happen
	require.Len(t, c.Messages("orders"), had)
	broker.Resume()
	eventually(t, func() bool { return len(c.Messages("orders")) == 1 }, "delivered after the pause")
}

func TestPowerFailureLosesADeliveryButNotTheDelay(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.00001), rmqtest.WithAsyncFlush())
	cl, broker := client(t, c), c.Brokers()[0]
	sent := 0
	for {
		mustSend(t, c, cl, message("orders", "delayed", map[string]string{"DELAY": "18"}))
		sent++
		broker.Flush()
		if len(c.Messages("orders")) < sent { // the delay was flushed, its delivery was not
			break
		}
	}
	eventually(t, func() bool { return len(c.Messages("orders")) == sent }, "delivered")
	broker.PowerFailure()
	require.Len(t, c.Messages("orders"), sent-1)
	broker.Start()
	eventually(t, func() bool { return len(c.Messages("orders")) == sent }, "delivered again")
}
