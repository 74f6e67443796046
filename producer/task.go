package producer

import (
	"context"
	"errors"
	"slices"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/send"
)

// task is what one call sends: one message, or an explicit batch. Its stage and batch belong
// to the lane's mutex.
type task struct {
	lane           *lane
	topic          string                // as the caller named it
	messages       []*primitive.Message  // our own, under the wire name
	properties     []map[string]string   // of each
	only           [1]*primitive.Message // of the usual task, which has one, all in one piece
	onlyProperties [1]map[string]string
	message        primitive.Message
	bytes          int
	alone          bool // in a request of its own

	stage stage
	doubt bool   // an attempt that has settled may have stored it
	batch *batch // the one it is in, nil while it waits in the lane

	prev, next *task // in the lane's list

	result *primitive.SendResult // the caller's own, of the newest attempt that has one
	err    error
	done   chan struct{} // closed when the outcome is there
}

// A caller whose ctx ends leaves. What that means depends on the stage:
//
//	waiting   in the lane or between attempts: as the attempts so far say
//	trying    an attempt is under way: unknown
//	left      the lane drops it when it comes across it
//	settled   too late: the outcome is there
type stage int

const (
	waiting stage = iota
	trying
	left
	settled
)

// wait returns the outcome, or leaves when ctx ends.
func (t *task) wait(ctx context.Context) (*primitive.SendResult, error) {
	if ctx.Done() == nil { // it never ends, and a plain receive is cheaper
		<-t.done
		return t.outcome()
	}
	select {
	case <-t.done:
		return t.outcome()
	case <-ctx.Done():
		return t.leave(context.Cause(ctx))
	}
}

func (t *task) outcome() (*primitive.SendResult, error) {
	if t.err != nil {
		return nil, t.err // and a result, if there is one, is not the caller's to read
	}
	return t.result, nil
}

// leave withdraws the task from further attempts and says what is known.
func (t *task) leave(cause error) (*primitive.SendResult, error) {
	failure, ok := t.lane.withdraw(t, cause)
	if !ok {
		<-t.done
		return t.outcome()
	}
	return nil, failure
}

// finish hands over the outcome. The lane has set the stage, so it comes here once.
func (t *task) finish(err error) {
	t.err = err
	close(t.done)
}

// errAbandoned is why a send ended that Close did not wait for.
var errAbandoned = errors.New("the producer was closed")

// batch is the tasks that go into one request, and into every further attempt of it.
type batch struct {
	tasks []*task
	bytes int
	doubt bool   // an attempt before it was split may have stored it
	half  *split // what it is a half of, or nil

	ctx    context.Context // ends when nobody waits for it any more
	cancel context.CancelFunc
	alive  int

	members []*task  // that were in the newest attempt
	sentTo  []string // brokers that an attempt went to, before a split too
	sentOne [1]string
}

func newBatch(tasks []*task, bytes int) *batch {
	b := &batch{tasks: tasks, bytes: bytes, alive: len(tasks)}
	b.sentTo = b.sentOne[:0]
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

func (b *batch) sendsTo(broker string) {
	if !slices.Contains(b.sentTo, broker) {
		b.sentTo = append(b.sentTo, broker)
	}
}

// regroup makes a batch of some of its tasks. The lane's mutex is held.
func (b *batch) regroup(tasks []*task, doubt bool, half *split) *batch {
	part := newBatch(tasks, 0)
	part.doubt, part.half = doubt, half
	part.sentTo = append(part.sentTo, b.sentTo...)
	for _, t := range tasks {
		t.batch = part
		part.bytes += t.bytes
		if t.stage == left {
			part.alive--
		}
	}
	if part.alive == 0 {
		part.cancel()
	}
	return part
}

func (b *batch) messages() int {
	n := 0
	for _, t := range b.tasks {
		n += len(t.messages)
	}
	return n
}

// leaving is what a caller that leaves is told.
func leaving(doubt bool, cause error) *send.Failure {
	return &send.Failure{Attempts: 1, Doubt: doubt, Err: cause}
}
