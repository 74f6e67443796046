package fault_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

var (
	send = &fault.Request{Kind: fault.Send, Code: remoting.SendMessageV2, Topic: "orders"}
	pull = &fault.Request{Kind: fault.Pull, Code: remoting.PullMessage, Topic: "orders"}
)

func TestKindCoversVariants(t *testing.T) {
	t.Parallel()
	for _, code := range []int{remoting.SendMessage, remoting.SendMessageV2, remoting.SendBatchMessage} {
		require.Equal(t, fault.Send, fault.KindOf(code))
	}
	require.Equal(t, fault.Kind(999), fault.KindOf(999))
}

func TestRequestNamesTopicAndGroup(t *testing.T) {
	t.Parallel()
	sent := remoting.SendMessageHeader{ProducerGroup: "g", Topic: "t"}
	for name, test := range map[string]struct {
		command      *remoting.Command
		topic, group string
	}{
		"send":      {remoting.NewRequest(remoting.SendMessage, sent, nil), "t", "g"},
		"send v2":   {&remoting.Command{Code: remoting.SendMessageV2, Ext: remoting.EncodeShortHeader(sent)}, "t", "g"},
		"batch":     {&remoting.Command{Code: remoting.SendBatchMessage, Ext: remoting.EncodeShortHeader(sent)}, "t", "g"},
		"pull":      {remoting.NewRequest(remoting.PullMessage, remoting.PullMessageHeader{ConsumerGroup: "g", Topic: "t"}, nil), "t", "g"},
		"send back": {remoting.NewRequest(remoting.ConsumerSendMsgBack, remoting.SendBackHeader{Group: "g", OriginTopic: "t"}, nil), "t", "g"},
		"lock":      {remoting.NewRequest(remoting.LockBatchMQ, nil, []byte(`{"consumerGroup":"g","clientId":"c","mqSet":[]}`)), "", "g"},
		"bad lock":  {remoting.NewRequest(remoting.LockBatchMQ, nil, []byte(`{`)), "", ""},
		"route":     {remoting.NewRequest(remoting.GetRouteInfoByTopic, remoting.TopicHeader{Topic: "t"}, nil), "t", ""},
		"heartbeat": {remoting.NewRequest(remoting.HeartBeat, nil, []byte(`{}`)), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := fault.NewRequest(test.command, "broker-a", nil)
			require.Equal(t, test.topic, r.Topic)
			require.Equal(t, test.group, r.Group)
			require.Equal(t, "broker-a", r.Broker)
			require.Equal(t, fault.KindOf(test.command.Code), r.Kind)
		})
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action fault.Action
		plan   fault.Plan
	}{
		"pass":               {fault.Pass(), fault.Plan{}},
		"request lost":       {fault.DropRequest(), fault.Plan{Refuse: true, End: fault.Silence}},
		"answer lost":        {fault.DropResponse(), fault.Plan{End: fault.Silence}},
		"answer":             {fault.Answer(14, "x"), fault.Plan{Refuse: true, End: fault.Substitute, Code: 14, Remark: "x"}},
		"answer after store": {fault.AnswerAfterStore(10, "y"), fault.Plan{End: fault.Substitute, Code: 10, Remark: "y"}},
		"answer late":        {fault.AnswerLate(time.Second), fault.Plan{AnswerDelay: time.Second}},
		"cut before":         {fault.CloseBefore(), fault.Plan{Refuse: true, End: fault.Cut}},
		"cut after":          {fault.CloseAfter(), fault.Plan{End: fault.Cut}},
		"delays add up": {
			fault.Delay(time.Second, fault.Delay(time.Minute, fault.CloseAfter())),
			fault.Plan{Delay: time.Minute + time.Second, End: fault.Cut},
		},
	} {
		require.Equal(t, test.plan, fault.PlanOf(test.action), name)
	}
}

func TestInjectFiresAsOftenAsTold(t *testing.T) {
	t.Parallel()
	var s fault.Script
	f := s.Inject(fault.Send, fault.DropResponse(), 2)

	require.Equal(t, fault.Pass(), s.Decide(pull), "another kind")
	require.Equal(t, fault.DropResponse(), s.Decide(send))
	select {
	case <-f.Done():
		t.Fatal("done after one of two")
	default:
	}
	require.Equal(t, fault.DropResponse(), s.Decide(send))
	<-f.Done()
	require.Equal(t, fault.Pass(), s.Decide(send))
	require.Equal(t, 2, f.Hits())
}

func TestInjectWithoutLimitLastsUntilRemoved(t *testing.T) {
	t.Parallel()
	var s fault.Script
	f := s.Inject(fault.Any, fault.CloseBefore(), 0)
	for range 10 {
		require.Equal(t, fault.CloseBefore(), s.Decide(send))
		require.Equal(t, fault.CloseBefore(), s.Decide(pull))
	}
	f.Remove()
	f.Remove()
	require.Equal(t, fault.Pass(), s.Decide(send))
	require.Equal(t, 20, f.Hits())
}

func TestMostRecentFaultIsAskedFirst(t *testing.T) {
	t.Parallel()
	var s fault.Script
	older := s.Inject(fault.Send, fault.Answer(1, ""), 0)
	counter := s.Inject(fault.Send, fault.Pass(), 0)
	newer := s.Intercept(fault.Send, func(r *fault.Request) fault.Action {
		if r.Topic == "orders" {
			return fault.Answer(2, "")
		}
		return fault.Pass()
	})

	require.Equal(t, fault.Answer(2, ""), s.Decide(send))
	require.Equal(t, fault.Answer(1, ""), s.Decide(&fault.Request{Kind: fault.Send, Topic: "bills"}))
	require.Equal(t, 1, newer.Hits())
	require.Equal(t, 1, counter.Hits(), "what passes is counted where it was injected")
	require.Equal(t, 1, older.Hits())
}

func TestInterceptMayChangeTheScript(t *testing.T) {
	t.Parallel()
	var s fault.Script
	var f *fault.Fault
	f = s.Intercept(fault.Send, func(*fault.Request) fault.Action {
		f.Remove()
		s.Inject(fault.Send, fault.CloseAfter(), 1)
		return fault.DropRequest()
	})
	require.Equal(t, fault.DropRequest(), s.Decide(send), "decided, though removed by its own function")
	require.Equal(t, fault.CloseAfter(), s.Decide(send))
	require.Equal(t, fault.Pass(), s.Decide(send))
	require.Equal(t, 1, f.Hits())
}

func TestInjectIsExactUnderConcurrency(t *testing.T) {
	t.Parallel()
	var s fault.Script
	f := s.Inject(fault.Send, fault.DropRequest(), 50)
	var fired atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				if s.Decide(send) == fault.DropRequest() {
					fired.Add(1)
				}
			}
		})
	}
	wg.Wait()
	<-f.Done()
	require.EqualValues(t, 50, fired.Load())
}
