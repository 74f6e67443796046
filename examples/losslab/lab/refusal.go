package lab

import (
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// refusal is a broker that takes no retries and dead letters of one group, as one does whose
// disk is full.
type refusal struct{ sendBacks, copies *rmqtest.Fault }

// interceptor is what requests go through.
type interceptor interface {
	Intercept(kind rmqtest.Kind, f func(*rmqtest.Request) rmqtest.Action) *rmqtest.Fault
}

func refuseRetries(on interceptor, group string) *refusal {
	refuse := rmqtest.Answer(remoting.ServiceNotAvailable, "the lab's disk is full")
	when := func(is func(*rmqtest.Request) bool) func(*rmqtest.Request) rmqtest.Action {
		return func(r *rmqtest.Request) rmqtest.Action {
			if is(r) {
				return refuse
			}
			return rmqtest.Pass()
		}
	}
	return &refusal{
		sendBacks: on.Intercept(rmqtest.SendBack, when(func(r *rmqtest.Request) bool { return r.Group == group })),
		copies: on.Intercept(rmqtest.Send, when(func(r *rmqtest.Request) bool {
			return r.Topic == retryPrefix+group || r.Topic == deadPrefix+group
		})),
	}
}

// times is how often it has refused.
func (r *refusal) times() int { return r.sendBacks.Hits() + r.copies.Hits() }

// stop has the broker take them again. It may be called twice.
func (r *refusal) stop() {
	r.sendBacks.Remove()
	r.copies.Remove()
}
