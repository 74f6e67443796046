package rmqtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

func TestPullAnswersByOffset(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	answer := func(offset int64) (code int, next string) {
		response := call(t, c, cl, remoting.PullMessage, pull(offset), nil)
		return response.Code, response.Ext["nextBeginOffset"]
	}
	check := func(offset int64, wantCode int, wantNext string) {
		t.Helper()
		code, next := answer(offset)
		require.Equal(t, wantCode, code)
		require.Equal(t, wantNext, next)
	}
	check(0, remoting.PullNotFound, "0")
	check(5, remoting.PullOffsetMoved, "0")
	for i := range 3 {
		mustSend(t, c, cl, message("orders", fmt.Sprint(i), nil))
	}
	check(-1, remoting.PullOffsetMoved, "0")
	check(0, remoting.Success, "3")
	check(2, remoting.Success, "3")
	check(3, remoting.PullNotFound, "3")
	check(4, remoting.PullOffsetMoved, "3")

	response := call(t, c, cl, remoting.PullMessage, pull(1), nil)
	messages, err := remoting.DecodeMessages(response.Body)
	require.NoError(t, err)
	require.Len(t, messages, 2)
	require.Equal(t, "1", string(messages[0].Body))
	require.EqualValues(t, 1, messages[0].QueueOffset)
	require.Equal(t, c.Messages("orders")[1].OffsetMsgID, messages[0].OffsetMsgID())
	require.Equal(t, "3", response.Ext["maxOffset"])
	require.Equal(t, "0", response.Ext["minOffset"])
}

func TestPullIsBounded(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	for range 40 {
		mustSend(t, c, cl, message("orders", "small", nil))
	}
	count := func(header remoting.PullMessageHeader) int {
		result, err := cl.Pull(soon(t), c.Brokers()[0].Addr(), header)
		require.NoError(t, err)
		require.EqualValues(t, header.QueueOffset+int64(len(result.Messages)), result.NextBeginOffset)
		return len(result.Messages)
	}
	many := pull(0)
	many.MaxMsgNums = 100
	require.Equal(t, 32, count(many), "messages")
	few := pull(0)
	few.MaxMsgNums = 3
	require.Equal(t, 3, count(few), "what was asked for")

	for range 3 {
		mustSend(t, c, cl, message("orders", strings.Repeat("x", 200_000), nil))
	}
	require.Equal(t, 1, count(pull(40)), "bytes; one message always")
}

func TestPullFiltersByHashOfTag(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	// "Aa" and "BB" have the same hash code in Java: the broker takes one for the other.
	for _, tag := range []string{"Aa", "BB", "cc", "", "dd"} {
		mustSend(t, c, cl, message("orders", "is "+tag, map[string]string{"TAGS": tag}))
	}
	take := func(expression string) (tags []string) {
		header := pull(0)
		header.Subscription = expression
		result, err := cl.Pull(soon(t), c.Brokers()[0].Addr(), header)
		require.NoError(t, err)
		require.EqualValues(t, 5, result.NextBeginOffset)
		for _, m := range result.Messages {
			tags = append(tags, m.Properties["TAGS"])
		}
		return tags
	}
	require.Equal(t, []string{"Aa", "BB"}, take("Aa"))
	require.Equal(t, []string{"cc", "dd"}, take("cc || dd"))
	require.Len(t, take("*"), 5)
	require.Len(t, take(""), 5)

	header := pull(0)
	header.Subscription = "nothing"
	response := call(t, c, cl, remoting.PullMessage, header, nil)
	require.Equal(t, remoting.PullRetryImmediately, response.Code)
	require.Equal(t, "5", response.Ext["nextBeginOffset"])
	header.Subscription = " || "
	require.Equal(t, remoting.PullRetryImmediately, call(t, c, cl, remoting.PullMessage, header, nil).Code)
	header.Subscription = "||"
	require.Equal(t, 23, call(t, c, cl, remoting.PullMessage, header, nil).Code)
	header.Subscription, header.ExpressionType = "a > 1", "SQL92"
	require.Equal(t, remoting.SystemError, call(t, c, cl, remoting.PullMessage, header, nil).Code)
}

func TestPullsThatAreRefused(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithoutAutoCreateGroups())
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	require.Equal(t, remoting.GroupNotExist, call(t, c, cl, remoting.PullMessage, pull(0), nil).Code)
	c.CreateGroup("readers")

	unsubscribed := pull(0)
	unsubscribed.SysFlag = 0
	require.Equal(t, remoting.SubscriptionNotExist, call(t, c, cl, remoting.PullMessage, unsubscribed, nil).Code, "no heartbeat came")
	elsewhere := pull(0)
	elsewhere.Topic = "bills"
	require.Equal(t, remoting.TopicNotExist, call(t, c, cl, remoting.PullMessage, elsewhere, nil).Code)
	elsewhere = pull(0)
	elsewhere.QueueID = 1
	require.Equal(t, 29, call(t, c, cl, remoting.PullMessage, elsewhere, nil).Code)
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t)
	c.CreateTopic("orders", 1)
	cl := client(t, c)
	header := pull(0)
	header.SysFlag |= remoting.PullSuspend
	header.SuspendTimeoutMillis = time.Hour.Milliseconds()
	header.Subscription = "wanted"
	answer := make(chan *remoting.PullResult, 1)
	arrived := c.Inject(rmqtest.Pull, rmqtest.Pass(), 1).Done()
	go func() {
		defer close(answer)
		for {
			result, err := cl.Pull(soon(t), c.Brokers()[0].Addr(), header)
			if err != nil || len(result.Messages) > 0 {
				answer <- result
				return
			}
			header.QueueOffset = result.NextBeginOffset // it came after the message that does not match
		}
	}()
	<-arrived
	// The same connection serves others meanwhile, and what does not match is not delivered.
	mustSend(t, c, cl, message("orders", "a", map[string]string{"TAGS": "other"}))
	mustSend(t, c, cl, message("orders", "b", map[string]string{"TAGS": "wanted"}))
	select {
	case result := <-answer:
		require.NotNil(t, result)
		require.Len(t, result.Messages, 1)
		require.Equal(t, "b", string(result.Messages[0].Body))
		require.EqualValues(t, 2, result.NextBeginOffset)
	case <-time.After(patience):
		t.Fatal("not woken")
	}
}

func TestLongPollEnds(t *testing.T) {
	t.Parallel()
	c := rmqtest.New(t, rmqtest.WithTimeScale(0.00001))
	c.CreateTopic("orders", 1)
	header := pull(0)
	header.SysFlag |= remoting.PullSuspend
	header.SuspendTimeoutMillis = time.Hour.Milliseconds()
	require.Equal(t, remoting.PullNotFound, call(t, c, client(t, c), remoting.PullMessage, header, nil).Code)
}
