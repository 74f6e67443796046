package producer

import (
	"context"
	"errors"
	"fmt"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
	"github.com/holdfast-mq/holdfast/internal/telemetry"
)

var (
	errWithdrawn = errors.New("every caller has gone")
	errNoQueue   = errors.New("no broker of the topic can be written to")
	errStuck     = errors.New("the attempt is stuck in the official client")
	errPanicked  = errors.New("the official client panicked")
)

// try makes one attempt with the tasks that still wait, and notes what came of it.
func (w *worker) try(avoid string) send.Answer {
	l, b := w.lane, w.batch
	p := l.producer
	b.members = l.begin(b)
	if len(b.members) == 0 {
		return send.Answer{Err: errWithdrawn, Unsent: true}
	}
	queue, ok := l.pick(avoid)
	switch {
	case !ok:
		p.routes.Stale()
		return l.ended(b, send.Answer{Err: errNoQueue, Unsent: true})
	case p.atStuckBound():
		return l.ended(b, send.Answer{Err: ErrStuck, Unsent: true})
	}
	request := b.requestTo(queue)
	b.sendsTo(queue.Broker)
	w.asked = queue.Broker

	answer := w.watched(request)
	if answer.Err == send.ErrLeftBehind {
		return answer
	}
	return w.answered(answer)
}

// answered notes how the newest attempt ended.
func (w *worker) answered(answer send.Answer) send.Answer {
	l, b := w.lane, w.batch
	p := l.producer
	answer.Broker = w.asked
	p.note(l.topic, answer)
	if answer.Stored() == send.Durably && !isReply(b.members[0].messages[0]) {
		p.acked.Note(answer.Broker, answer.Result.OffsetMsgID)
	}
	if answer.Result != nil {
		b.shareOut(answer.Result)
	}
	return l.ended(b, answer)
}

func (w *worker) elsewhere(broker string) bool {
	return w.lane.queue == nil && w.lane.producer.hasOther(w.lane.topic, broker)
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
	if b.alive == len(b.tasks) { // nobody has left, the usual case
		for _, t := range b.tasks {
			t.stage = trying
		}
		return b.tasks
	}
	members := make([]*task, 0, b.alive)
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

// requestTo is the messages of an attempt: several encoded as one. The official client writes
// to what it is given and an attempt that is stuck still reads it, so later attempts get a
// clone.
func (b *batch) requestTo(queue remoting.Queue) []*primitive.Message {
	to := &primitive.MessageQueue{Topic: queue.Topic, BrokerName: queue.Broker, QueueId: queue.ID}
	msg := b.members[0].messages[0]
	switch {
	case len(b.members) > 1 || len(b.members[0].messages) > 1:
		msg = b.encode(to)
	case len(b.sentTo) > 0:
		msg = send.Clone(msg)
	}
	msg.Queue = to
	return []*primitive.Message{msg}
}

func (p *Producer) sendSync(messages []*primitive.Message) (answer send.Answer) {
	defer func() {
		if r := recover(); r != nil {
			answer = send.Answer{Err: fmt.Errorf("%w: %v", errPanicked, r)}
		}
	}()
	// Not the caller's ctx: what was sent is waited for, so that the lane knows what became
	// of it. The caller does not wait for this.
	ctx := context.Background()
	if p.config.attemptTimeout < maxAttemptTimeout { // which is the official client's own
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.config.attemptTimeout)
		defer cancel()
	}
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
