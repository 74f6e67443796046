package producer_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/producer"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// faults are what can happen to one attempt, what its sender must be told if there is no
// other, and how many copies are stored then.
var faults = []struct {
	name    string
	action  rmqtest.Action
	outcome told
	copies  int
	silent  bool // the attempt is not answered
	passes  bool // another attempt is worth it
}{
	{name: "answer lost", action: rmqtest.DropResponse(), outcome: unknown, copies: 1, silent: true, passes: true},
	{name: "request lost", action: rmqtest.DropRequest(), outcome: unknown, copies: 0, silent: true, passes: true},
	{name: "reset after store", action: rmqtest.CloseAfter(), outcome: unknown, copies: 1, silent: true, passes: true},
	{name: "reset before store", action: rmqtest.CloseBefore(), outcome: unknown, copies: 0, silent: true, passes: true},
	{name: "1 before store", action: rmqtest.Answer(1, "scripted"), outcome: unknown, copies: 0, passes: true},
	{name: "1 after store", action: rmqtest.AnswerAfterStore(1, "scripted"), outcome: unknown, copies: 1, passes: true},
	{name: "4711 after store", action: rmqtest.AnswerAfterStore(4711, "scripted"), outcome: unknown, copies: 1, passes: true},
	{name: "request late", action: rmqtest.Delay(1500*time.Millisecond, rmqtest.Pass()), outcome: unknown, copies: 1, silent: true, passes: true},
	{name: "answer late", action: rmqtest.AnswerLate(1500 * time.Millisecond), outcome: unknown, copies: 1, silent: true, passes: true},
	{name: "2", action: rmqtest.Answer(2, "scripted"), outcome: notStored, passes: true},
	{name: "14", action: rmqtest.Answer(14, "scripted"), outcome: notStored, passes: true},
	{name: "215", action: rmqtest.Answer(215, "scripted"), outcome: notStored, passes: true},
	{name: "13", action: rmqtest.Answer(13, "scripted"), outcome: notStored},
	{name: "16", action: rmqtest.Answer(16, "scripted"), outcome: notStored},
	{name: "17", action: rmqtest.Answer(17, "scripted"), outcome: notStored},
	{name: "10", action: rmqtest.AnswerAfterStore(10, "scripted"), outcome: unknown, copies: 1},
	{name: "11", action: rmqtest.AnswerAfterStore(11, "scripted"), outcome: unknown, copies: 1},
	{name: "12", action: rmqtest.AnswerAfterStore(12, "scripted"), outcome: unknown, copies: 1},
}

// strike does the action to the next times sends of the message with that id.
func strike(proxy *faultproxy.Proxy, id string, action rmqtest.Action, times int64) *rmqtest.Fault {
	var n atomic.Int64
	return proxy.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		if carries(r, id) && n.Add(1) <= times {
			return action
		}
		return rmqtest.Pass()
	})
}

// storeOnce loses the answer to the first send of the message with that id, and every later
// one on its way to the broker: only a look-up can tell its sender that it is stored.
func storeOnce(proxy *faultproxy.Proxy, id string) *rmqtest.Fault {
	var n atomic.Int64
	return proxy.Intercept(rmqtest.Send, func(r *rmqtest.Request) rmqtest.Action {
		switch {
		case !carries(r, id):
			return rmqtest.Pass()
		case n.Add(1) == 1:
			return rmqtest.DropResponse()
		default:
			return rmqtest.DropRequest()
		}
	})
}

// patient is for tests that do something while an attempt is not answered.
var patient = producer.WithAttempts(20)

// Whatever happens to an attempt that is the only one, its sender is told the truth.
func oneAttempt(on *world) {
	proxy := on.proxy()
	var wg sync.WaitGroup
	for _, f := range faults {
		strike(proxy, f.name, f.action, 1)
		opts := []producer.Option{producer.WithAttempts(1)}
		if f.silent {
			opts = append(opts, impatient)
		}
		p := on.producerOf(proxy.Holdfast(), opts...)
		wg.Go(func() {
			_, err := p.Send(on.soon(), on.order(f.name))
			if got := outcomeOf(err); got != f.outcome {
				on.Errorf("%s: told %d, want %d: %v", f.name, got, f.outcome, err)
			}
		})
	}
	wg.Wait()

	for _, f := range faults {
		if f.copies > 0 { // a request goes on when its sender has given up
			on.eventually(func() bool { return len(on.copies(f.name)) == f.copies }, f.name+": stored")
		}
		require.Len(on, on.copies(f.name), f.copies, f.name)
	}
}

// What passes is overcome by another attempt, under the same UNIQ_KEY.
func anotherAttempt(on *world) {
	proxy := on.proxy()
	var r record
	var wg sync.WaitGroup
	for _, f := range faults {
		if !f.passes {
			continue
		}
		strike(proxy, f.name, f.action, 1)
		opts := []producer.Option{}
		if f.silent {
			opts = append(opts, impatient)
		}
		p := on.producerOf(proxy.Holdfast(), opts...)
		wg.Go(func() {
			_, err := p.Send(on.soon(), on.order(f.name))
			if err != nil {
				on.Errorf("%s: %v", f.name, err)
			}
			r.note(f.name, outcomeOf(err))
		})
	}
	wg.Wait()
	on.requireTruth(&r)
}

func notDurableAnswers(on *world) {
	proxy := on.proxy()
	for code, status := range map[int]primitive.SendStatus{
		10: primitive.SendFlushDiskTimeout, 11: primitive.SendSlaveNotAvailable, 12: primitive.SendFlushSlaveTimeout,
	} {
		p := on.producerOf(proxy.Holdfast())
		id := fmt.Sprint("code ", code)
		strike(proxy, id, rmqtest.AnswerAfterStore(code, ""), 1)

		result, err := p.Send(on.soon(), on.order(id))

		require.Nil(on, result)
		var notDurable *holdfast.NotDurableError
		require.ErrorAs(on, err, &notDurable)
		require.Equal(on, status, notDurable.Status)
		require.ErrorIs(on, err, holdfast.ErrOutcomeUnknown)
		copies := on.copies(id)
		require.Len(on, copies, 1, "not sent again")
		require.Equal(on, copies[0].OffsetMsgID(), notDurable.Result.OffsetMsgID)
	}
}

// Connections that are refused are the one failure of the network that is certain.
func brokerUnreachable(on *world) {
	proxy := on.proxy()
	p := on.producerOf(proxy.Holdfast())
	on.mustSend(p, on.order("before"))
	proxy.Broker("broker-a").Stop()

	_, err := p.Send(on.soon(), on.order("meanwhile"))
	require.Equal(on, notStored, outcomeOf(err), "%v", err)

	require.NoError(on, proxy.Broker("broker-a").Start())
	on.mustSend(p, on.order("after"))
	require.Empty(on, on.copies("meanwhile"))
	require.Len(on, on.copies("after"), 1)
}

// Answers are lost, another message is answered behind them in the log: the first ones are
// found, as durable as the last. One of them is stored compressed.
func foundUnderCover(on *world) {
	proxy := on.proxy()
	p := on.producerOf(proxy.Holdfast(), patient, producer.WithLanes(3)) // two wait for answers
	large := on.order("large")
	large.Body = bytes.Repeat(large.Body, 1000)
	messages := []*primitive.Message{on.order("small"), large}

	type end struct {
		msg    *primitive.Message
		result *primitive.SendResult
		err    error
	}
	ended := make(chan end)
	for _, msg := range messages {
		storeOnce(proxy, msg.GetKeys())
		go func() {
			result, err := p.Send(on.soon(), msg)
			ended <- end{msg, result, err}
		}()
		on.eventually(func() bool { return len(on.copies(msg.GetKeys())) == 1 }, "stored")
	}
	on.mustSend(p, on.order("cover"))

	for range messages {
		e := <-ended
		require.NoError(on, e.err, e.msg.GetKeys())
		require.Len(on, on.copies(e.msg.GetKeys()), 1)
		on.requireResult(byUniqueKey(on.stored()), e.msg, e.result)
	}
}

// A stream of sends in batches in which every sixth request meets a fault, and every third
// sender gives up early.
func streamOfFaults(on *world) { on.stream(false) }

// The same where look-ups are refused, as for want of a right: every doubt is sent again.
func streamWithoutLookups(on *world) { on.stream(true) }

// The same with every message in a request of its own.
func streamOneByOne(on *world) {
	on.stream(false, producer.WithoutBatching(), producer.WithLanes(8))
}

func (on *world) stream(refuseLookups bool, opts ...producer.Option) {
	const senders, each = 16, 40
	proxy := on.proxy()
	if refuseLookups {
		proxy.Inject(rmqtest.Query, rmqtest.Answer(16, "scripted"), 0)
	}
	var n atomic.Int64
	proxy.Intercept(rmqtest.Send, func(*rmqtest.Request) rmqtest.Action {
		at := n.Add(1)
		if at%6 != 0 {
			return rmqtest.Pass()
		}
		return faults[int(at/6)%7].action
	})
	p := on.producerOf(proxy.Holdfast(), append(opts, impatient, producer.WithAttempts(4))...)

	var r record
	var wg sync.WaitGroup
	for sender := range senders {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", sender, i)
				ctx, cancel := context.WithTimeout(on.Context(), patience)
				if i%3 == 2 {
					ctx, cancel = context.WithTimeout(on.Context(), time.Duration(i)*time.Millisecond)
				}
				_, err := p.Send(ctx, on.order(id))
				cancel()
				r.note(id, outcomeOf(err))
			}
		})
	}
	wg.Wait()
	require.NoError(on, p.Close(on.soon()))
	proxy.Close()
	f := on.requireTruth(&r)
	require.Equal(on, senders*each, f.attempted)
}
