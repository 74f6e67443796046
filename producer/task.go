package producer

import (
	"context"
	"errors"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/send"
)

// task is what one call sends: one message, or an explicit batch. Its stage and batch belong
// to the lane's mutex.
type task struct {
	lane     *lane
	topic    string               // as the caller named it
	messages []*primitive.Message // our own, under the wire name
	bytes    int
	alone    bool // in a request of its own

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

// wait returns the outcome, or leaves when ctx or the producer ends.
func (t *task) wait(ctx context.Context) (*primitive.SendResult, error) {
	select {
	case <-t.done:
		return t.result, t.err
	case <-ctx.Done():
		return t.leave(context.Cause(ctx))
	case <-t.lane.producer.abandoned.Done():
		return t.leave(errAbandoned)
	}
}

// leave withdraws the task from further attempts and says what is known.
func (t *task) leave(cause error) (*primitive.SendResult, error) {
	failure, ok := t.lane.withdraw(t, cause)
	if !ok {
		<-t.done
		return t.result, t.err
	}
	return nil, failure
}

// finish hands over the outcome. The lane has set the stage, so it comes here once.
func (t *task) finish() {
	if t.err != nil {
		t.result = nil
	}
	close(t.done)
}

// errAbandoned is why a send ended that Close did not wait for.
var errAbandoned = errors.New("the producer was closed")

// batch is the tasks that go into one request, and into every further attempt of it.
type batch struct {
	tasks []*task
	bytes int
	doubt bool // an attempt before it was split may have stored it

	ctx    context.Context // ends when nobody waits for it any more
	cancel context.CancelFunc
	alive  int

	members []*task         // that were in the newest attempt
	sentTo  map[string]bool // brokers that an attempt went to, before a split too
}

func newBatch(tasks []*task, bytes int) *batch {
	b := &batch{tasks: tasks, bytes: bytes, alive: len(tasks), sentTo: map[string]bool{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
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
