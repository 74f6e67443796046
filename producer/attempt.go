package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

// stuckGrace is how much longer than its timeout an attempt may take before it counts as
// stuck in the official client.
const stuckGrace = 500 * time.Millisecond

var (
	errWithdrawn = errors.New("every caller has gone")
	errNoQueue   = errors.New("no broker of the topic can be written to")
	errStuck     = errors.New("the attempt is stuck in the official client")
	errPanicked  = errors.New("the official client panicked")
)

// try makes one attempt with the tasks that still wait, and notes what came of it.
func (l *lane) try(b *batch, avoid string) send.Answer {
	b.members = l.begin(b)
	if len(b.members) == 0 {
		return send.Answer{Err: errWithdrawn, Unsent: true}
	}
	p := l.producer
	queue, ok := l.pick(avoid)
	switch {
	case !ok:
		p.routes.Stale()
		return l.ended(b, send.Answer{Err: errNoQueue, Unsent: true})
	case p.atStuckBound():
		return l.ended(b, send.Answer{Err: ErrStuck, Unsent: true})
	}
	request := b.requestTo(queue)
	b.sentTo[queue.Broker] = true

	answer := p.attempt(request, l.queue != nil)
	answer.Broker = queue.Broker
	p.note(l.topic, answer)
	if answer.Stored() == send.Durably && !isReply(request[0]) {
		p.acked.Note(queue.Broker, answer.Result.OffsetMsgID)
	}
	if answer.Result != nil {
		b.shareOut(answer.Result)
	}
	return l.ended(b, answer)
}

// isReply tells a reply to a request, which the broker answers when it has handed it over, not
// when it has flushed it: the answer says nothing of the log.
func isReply(msg *primitive.Message) bool {
	return msg.GetProperty(primitive.PropertyMsgType) == "reply"
}

// begin marks the tasks that still wait as being tried.
func (l *lane) begin(b *batch) []*task {
	l.mu.Lock()
	defer l.mu.Unlock()
	members := make([]*task, 0, len(b.tasks))
	for _, t := range b.tasks {
		if t.stage == waiting {
			t.stage = trying
			members = append(members, t)
		}
	}
	return members
}

// ended marks them as waiting again, and as doubtful if they may have been stored.
func (l *lane) ended(b *batch, answer send.Answer) send.Answer {
	doubt := answer.Stored() != send.No
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range b.members {
		t.doubt = t.doubt || doubt
		if t.stage == trying {
			t.stage = waiting
		}
	}
	return answer
}

// requestTo is the messages of an attempt. The official client writes to what it is given
// and an attempt that is stuck still reads it, so later attempts get clones.
func (b *batch) requestTo(queue remoting.Queue) []*primitive.Message {
	to := &primitive.MessageQueue{Topic: queue.Topic, BrokerName: queue.Broker, QueueId: queue.ID}
	messages := make([]*primitive.Message, 0, b.messages())
	for _, t := range b.members {
		for _, msg := range t.messages {
			if len(b.sentTo) > 0 {
				msg = send.Clone(msg)
			}
			msg.Queue = to
			messages = append(messages, msg)
		}
	}
	return messages
}

// attempt sends one request through the official client. When that does not come back in
// time the attempt is left behind, or, where order matters, waited for all the same; either
// way it counts as stuck until it does.
func (p *Producer) attempt(messages []*primitive.Message, inOrder bool) send.Answer {
	done := make(chan send.Answer, 1)
	patience := time.NewTimer(p.config.attemptTimeout + stuckGrace)
	defer patience.Stop()
	go func() { done <- p.sendSync(messages) }()
	select {
	case answer := <-done:
		return answer
	case <-patience.C:
	}

	if inOrder {
		p.stuck.Add(1)
		defer p.stuck.Add(-1)
		return <-done
	}
	p.stuck.Add(1)
	p.leftBehind.Go(func() {
		<-done
		p.stuck.Add(-1)
	})
	return send.Answer{Err: errStuck, Stuck: true}
}

func (p *Producer) sendSync(messages []*primitive.Message) (answer send.Answer) {
	defer func() {
		if r := recover(); r != nil {
			answer = send.Answer{Err: fmt.Errorf("%w: %v", errPanicked, r)}
		}
	}()
	// Not the caller's ctx: what was sent is waited for, so that the lane knows what became
	// of it. The caller does not wait for this.
	ctx, cancel := context.WithTimeout(context.Background(), p.config.attemptTimeout)
	defer cancel()
	result, err := p.officialProducer.SendSync(ctx, messages...)
	if err != nil {
		return send.Answer{Err: err}
	}
	return send.Answer{Result: result}
}

// note keeps what an answer tells about the broker.
func (p *Producer) note(topic string, answer send.Answer) {
	stored := answer.Stored()
	p.telemetry.Attempt(context.Background(), topic, attemptOutcome[stored])
	if stored == send.Durably {
		p.brokers.up(answer.Broker)
		return
	}
	if answer.IsBrokersFault() {
		p.brokers.down(answer.Broker)
		p.routes.Stale()
	}
}

var attemptOutcome = map[send.Stored]telemetry.AttemptOutcome{
	send.No:      telemetry.AttemptNotStored,
	send.Maybe:   telemetry.AttemptUnknown,
	send.Weakly:  telemetry.AttemptNotDurable,
	send.Durably: telemetry.AttemptStored,
}
