package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var pulls = []Scenario{
	{Name: "PullTakesWhatIsThere", Queues: 2, Run: pullTakesWhatIsThere},
	{Name: "PullTakesNoMoreThan32", Queues: 1, Run: pullTakesNoMoreThan32},
	{Name: "PullTakesAtLeastOne", Queues: 1, Run: pullTakesAtLeastOne},
	{Name: "PullByTag", Queues: 1, Run: pullByTag},
	{Name: "PullBeyondTheEnd", Queues: 1, Run: pullBeyondTheEnd},
	{Name: "PullFromAnEmptyQueue", Queues: 1, Run: pullFromAnEmptyQueue},
	{Name: "PullWaitsForAMessage", Queues: 1, Run: pullWaitsForAMessage},
	{Name: "PullWaitsForATag", Queues: 1, Run: pullWaitsForATag},
	{Name: "PullWaitsNoLongerThanAsked", Queues: 1, Run: pullWaitsNoLongerThanAsked},
	{Name: "PullUsesTheSubscriptionOfHeartbeats", Queues: 1, Run: pullUsesTheSubscriptionOfHeartbeats},
	{Name: "PullCommitsAnOffset", Queues: 1, Run: pullCommitsAnOffset},
	{Name: "PullRefusals", Queues: 1, Run: pullRefusals},
}

// pull is a PULL_MESSAGE, from the scenario's topic and group unless it says otherwise; of
// every tag, and without waiting.
type pull struct {
	topic, group string
	queue        int
	offset       int64
	max          int
	tags         string
	wait         time.Duration
	flags        int
	commit       int64
}

func (on *World) pullRequest(p pull) *remoting.Command {
	h := remoting.PullMessageHeader{
		ConsumerGroup: on.group, Topic: on.topic, QueueID: p.queue, QueueOffset: p.offset, MaxMsgNums: 32,
		SysFlag: remoting.PullSubscription | p.flags, CommitOffset: p.commit, SuspendTimeoutMillis: p.wait.Milliseconds(),
		Subscription: "*", ExpressionType: "TAG",
	}
	if p.topic != "" {
		h.Topic = p.topic
	}
	if p.group != "" {
		h.ConsumerGroup = p.group
	}
	if p.max > 0 {
		h.MaxMsgNums = p.max
	}
	if p.tags != "" {
		h.Subscription = p.tags
	}
	if p.wait > 0 {
		h.SysFlag |= remoting.PullSuspend
	}
	return remoting.NewRequest(remoting.PullMessage, h, nil)
}

// pull returns the answer, whatever its code.
func (on *World) pull(p pull) *remoting.Command {
	on.t.Helper()
	return on.do(on.pullRequest(p))
}

// pulled reads the answer to a pull.
func (on *World) pulled(answer *remoting.Command) (remoting.PullMessageResponse, []string) {
	on.t.Helper()
	var header remoting.PullMessageResponse
	require.NoError(on.t, remoting.DecodeHeader(answer.Ext, &header))
	messages, err := remoting.DecodeMessages(answer.Body)
	require.NoError(on.t, err)
	return header, bodies(messages)
}

// fill sends messages to queue 0 and waits until they can be pulled.
func (on *World) fill(messages ...message) {
	on.t.Helper()
	for _, m := range messages {
		on.mustSend(m)
	}
	on.stored(on.topic)
}

func plain(bodies []string) []message {
	messages := make([]message, len(bodies))
	for i, body := range bodies {
		messages[i].body = body
	}
	return messages
}

func tagged(tag, body string) message {
	return message{body: body, properties: map[string]string{"TAGS": tag}}
}

func pullTakesWhatIsThere(t *testing.T, on *World) {
	on.fill(plain(numbered(5))...)
	answer := on.pull(pull{offset: 1, max: 3})
	require.Equal(t, remoting.Success, answer.Code)
	header, got := on.pulled(answer)
	require.Equal(t, numbered(5)[1:4], got)
	require.Equal(t, remoting.PullMessageResponse{NextBeginOffset: 4, MinOffset: 0, MaxOffset: 5}, header)

	answer = on.pull(pull{queue: 1})
	require.Equal(t, remoting.PullNotFound, answer.Code, "queues are apart")
}

func pullTakesNoMoreThan32(t *testing.T, on *World) {
	on.fill(plain(numbered(40))...)
	header, got := on.pulled(on.pull(pull{max: 1000}))
	require.Equal(t, numbered(32), got)
	require.EqualValues(t, 32, header.NextBeginOffset)
}

// 256 KiB is the limit of one answer, unless the first message alone is larger.
func pullTakesAtLeastOne(t *testing.T, on *World) {
	big := strings.Repeat("x", 300<<10)
	on.fill(plain([]string{big, "small", big})...)
	_, got := on.pulled(on.pull(pull{}))
	require.Equal(t, []string{big}, got)
	_, got = on.pulled(on.pull(pull{offset: 1}))
	require.Equal(t, []string{"small"}, got)
}

func pullByTag(t *testing.T, on *World) {
	on.fill(tagged("a", "1"), tagged("b", "2"), tagged("c", "3"), tagged("a", "4"), message{body: "5"}, tagged("b", "6"))
	for tags, want := range map[string][]string{
		"*": {"1", "2", "3", "4", "5", "6"}, "a": {"1", "4"}, "a || b": {"1", "2", "4", "6"}, "a||c": {"1", "3", "4"},
	} {
		header, got := on.pulled(on.pull(pull{tags: tags}))
		require.Equal(t, want, got, tags)
		require.EqualValues(t, 6, header.NextBeginOffset, "past what does not match")
	}
	answer := on.pull(pull{tags: "z"})
	require.Equal(t, remoting.PullRetryImmediately, answer.Code)
	header, _ := on.pulled(answer)
	require.EqualValues(t, 6, header.NextBeginOffset)
}

func pullBeyondTheEnd(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	for offset, want := range map[int64]struct {
		code int
		next int64
	}{
		3:  {remoting.PullNotFound, 3},
		4:  {remoting.PullOffsetMoved, 3},
		99: {remoting.PullOffsetMoved, 3},
		-1: {remoting.PullOffsetMoved, 0},
	} {
		answer := on.pull(pull{offset: offset})
		require.Equal(t, want.code, answer.Code, "offset %d", offset)
		header, _ := on.pulled(answer)
		require.Equal(t, want.next, header.NextBeginOffset, "offset %d", offset)
		require.EqualValues(t, 3, header.MaxOffset)
	}
}

func pullFromAnEmptyQueue(t *testing.T, on *World) {
	answer := on.pull(pull{})
	require.Equal(t, remoting.PullNotFound, answer.Code)
	header, _ := on.pulled(answer)
	require.Zero(t, header.NextBeginOffset)

	answer = on.pull(pull{offset: 7})
	require.Equal(t, remoting.PullOffsetMoved, answer.Code)
	header, _ = on.pulled(answer)
	require.Zero(t, header.NextBeginOffset)
}

// pulling starts a pull and returns its answer.
func (on *World) pulling(p pull) <-chan *remoting.Command {
	answer := make(chan *remoting.Command, 1)
	ctx := on.soon()
	go func() {
		c, err := on.client.Call(ctx, on.broker, on.pullRequest(p))
		if err != nil {
			on.t.Errorf("pull: %v", err)
		}
		answer <- c
	}()
	return answer
}

func pullWaitsForAMessage(t *testing.T, on *World) {
	answer := on.pulling(pull{wait: patience})
	select {
	case c := <-answer:
		require.FailNow(t, "answered without a message", "%d %s", c.Code, c.Remark)
	case <-time.After(shortly):
	}
	on.mustSend(message{body: "arrives"})
	c := <-answer
	require.Equal(t, remoting.Success, c.Code)
	_, got := on.pulled(c)
	require.Equal(t, []string{"arrives"}, got)
}

func pullWaitsForATag(t *testing.T, on *World) {
	p := pull{wait: patience, tags: "a"}
	answer := on.pulling(p)
	on.mustSend(tagged("b", "passes by"))
	on.mustSend(tagged("a", "wanted"))
	c := <-answer
	for c.Code == remoting.PullRetryImmediately { // it came when only the other was there
		header, _ := on.pulled(c)
		require.Greater(t, header.NextBeginOffset, p.offset)
		p.offset = header.NextBeginOffset
		c = <-on.pulling(p)
	}
	_, got := on.pulled(c)
	require.Equal(t, []string{"wanted"}, got)
}

func pullWaitsNoLongerThanAsked(t *testing.T, on *World) {
	answer := on.pull(pull{wait: time.Second})
	require.Equal(t, remoting.PullNotFound, answer.Code)
}

func pullUsesTheSubscriptionOfHeartbeats(t *testing.T, on *World) {
	on.fill(tagged("a", "1"), tagged("b", "2"))
	request := func() *remoting.Command {
		r := on.pullRequest(pull{tags: "b"})
		r.Ext["sysFlag"] = "0"
		return r
	}
	on.requireRefused(remoting.SubscriptionNotExist, "the consumer's group info not exist", request())
	on.join().heartbeat("a", "a")
	_, got := on.pulled(on.must(request()))
	require.Equal(t, []string{"1"}, got)
}

func pullCommitsAnOffset(t *testing.T, on *World) {
	on.fill(plain(numbered(3))...)
	on.pull(pull{offset: 2, flags: remoting.PullCommitOffset, commit: 2})
	require.EqualValues(t, 2, on.committed())
}

func pullRefusals(t *testing.T, on *World) {
	on.requireRefused(remoting.TopicNotExist, "not exist", on.pullRequest(pull{topic: on.topic + "-unknown"}))
	on.requireRefused(29, "queueId[1] is illegal", on.pullRequest(pull{queue: 1}))
	sql := on.pullRequest(pull{tags: "a = 1"})
	sql.Ext["expressionType"] = "SQL92"
	on.requireRefused(remoting.SystemError, "does not support consumer to filter message by SQL92", sql)
}
