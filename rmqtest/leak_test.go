package rmqtest_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// stacksOf are the goroutines that have something of package rmqtest on their stack, and are
// not those of its tests.
func stacksOf() (count int, stacks string) {
	buffer := make([]byte, 64<<20)
	buffer = buffer[:runtime.Stack(buffer, true)]
	for stack := range strings.SplitSeq(string(buffer), "\n\n") {
		if strings.Contains(stack, "/rmqtest.") {
			count++
			stacks += stack + "\n\n"
		}
	}
	return count, stacks
}

// It is not parallel: it counts the goroutines of every cluster of the process.
func TestCloseLeavesNothing(t *testing.T) {
	before, _ := stacksOf()
	c, err := rmqtest.Start(rmqtest.WithBrokers("broker-a", "broker-b"), rmqtest.WithInSyncReplicas(2))
	require.NoError(t, err)
	c.CreateTopic("orders", 4)
	cl := remoting.NewClient(c.Holdfast())
	defer cl.Close()
	broker := c.Brokers()[0]
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	mustSend(t, c, cl, message("orders", "warm", nil))

	// Everything that can be under way: pulls that wait, sends that wait for the flush and the
	// slave, faults that delay, delays, a name server that was asked, one broker that is paused.
	broker.LoseSlave()
	c.Inject(rmqtest.MinOffset, rmqtest.Delay(time.Hour, rmqtest.Pass()), 0)
	c.Inject(rmqtest.MaxOffset, rmqtest.AnswerLate(time.Hour), 0)
	arrived := []<-chan struct{}{
		c.Inject(rmqtest.Pull, rmqtest.Pass(), 5).Done(), c.Inject(rmqtest.Send, rmqtest.Pass(), 5).Done(),
		c.Inject(rmqtest.MinOffset, rmqtest.Pass(), 5).Done(), c.Inject(rmqtest.MaxOffset, rmqtest.Pass(), 5).Done(),
	}
	for range 5 {
		waiting := pull(1)
		waiting.QueueID = 3
		waiting.QueueOffset = 0
		waiting.SysFlag |= remoting.PullSuspend
		waiting.SuspendTimeoutMillis = time.Hour.Milliseconds()
		go func() { _, _ = cl.Pull(ctx, broker.Addr(), waiting) }()
		go func() { _, _ = cl.Call(ctx, broker.Addr(), message("orders", "a", nil)) }()
		go func() { _, _ = cl.MinOffset(ctx, broker.Addr(), "orders", 0) }()
		go func() { _, _ = cl.MaxOffset(ctx, broker.Addr(), "orders", 0) }()
	}
	for _, done := range arrived {
		<-done
	}
	_, _ = cl.Call(ctx, c.Brokers()[1].Addr(), message("orders", "a", map[string]string{"DELAY": "18", "WAIT": "false"}))
	_, _ = cl.Route(ctx, "orders")
	c.Brokers()[1].Pause()

	during, _ := stacksOf()
	require.Greater(t, during, before+10, "there is something to leave")
	c.Close()
	c.Close()
	after, stacks := stacksOf()
	require.LessOrEqual(t, after, before, stacks)

	for _, address := range []string{broker.Addr(), c.NameServer().Addr()} {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		require.Error(t, err)
		require.Nil(t, conn)
	}
	require.NotEmpty(t, c.Messages("orders"), "what was stored can still be looked at")
}

func TestThousandBrokers(t *testing.T) { // not parallel: it would get the ports of brokers that other tests have stopped
	const clusters, each = 250, 4
	for i := range clusters {
		c, err := rmqtest.Start(rmqtest.WithBrokers("a", "b", "c", "d"))
		require.NoError(t, err)
		require.Len(t, c.Brokers(), each)
		cl := remoting.NewClient(c.Holdfast())
		_, err = cl.Do(soon(t), c.Brokers()[i%each].Addr(), message("orders", fmt.Sprint(i), nil))
		require.NoError(t, err)
		cl.Close()
		c.Close()
		require.Equal(t, []string{fmt.Sprint(i)}, bodies(c.Messages("orders")))
	}
}
