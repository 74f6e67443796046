package rmqtest

import (
	"sync"
	"time"

	"github.com/holdfast-mq/holdfast/internal/fault"
)

// Kind is a sort of request: a request code of RocketMQ's, where one kind covers all variants
// of a request. Kinds that are not named here are Kind(code).
type Kind = fault.Kind

// Kinds.
const (
	Any                 = fault.Any  // every request
	Send                = fault.Send // SEND_MESSAGE, SEND_MESSAGE_V2 and SEND_BATCH_MESSAGE
	Pull                = fault.Pull
	Query               = fault.Query // by unique key and by key
	ConsumerOffset      = fault.ConsumerOffset
	UpdateOffset        = fault.UpdateOffset
	CreateTopic         = fault.CreateTopic
	UpdateConfig        = fault.UpdateConfig
	BrokerConfig        = fault.BrokerConfig
	RuntimeInfo         = fault.RuntimeInfo
	SearchOffset        = fault.SearchOffset
	MaxOffset           = fault.MaxOffset
	MinOffset           = fault.MinOffset
	ViewMessage         = fault.ViewMessage
	Heartbeat           = fault.Heartbeat
	Unregister          = fault.Unregister
	SendBack            = fault.SendBack
	EndTransaction      = fault.EndTransaction
	ConsumerList        = fault.ConsumerList
	Lock                = fault.Lock
	Unlock              = fault.Unlock
	Route               = fault.Route
	ClusterInfo         = fault.ClusterInfo
	TopicStats          = fault.TopicStats
	ConsumerConnections = fault.ConsumerConnections
	ProducerConnections = fault.ProducerConnections
	ConsumeStats        = fault.ConsumeStats
	TopicConfig         = fault.TopicConfig
	HAStatus            = fault.HAStatus
)

// Request is a request as a fault sees it, before anything was done about it.
type Request = fault.Request

// Action is what is done to a request. The zero Action is Pass.
type Action = fault.Action

// Fault is one scripted fault; see Cluster.Intercept and Cluster.Inject.
type Fault = fault.Fault

// Pass lets the request through.
func Pass() Action { return fault.Pass() }

// DropRequest loses the request: it is not handled and never answered.
func DropRequest() Action { return fault.DropRequest() }

// DropResponse handles the request, a message is stored, and loses the answer.
func DropResponse() Action { return fault.DropResponse() }

// Answer gives the answer code, with remark, and does not handle the request.
func Answer(code int, remark string) Action { return fault.Answer(code, remark) }

// AnswerAfterStore handles the request, a message is stored, and answers code with remark in
// place of its own. The fields of the answer, such as where the message was stored, are kept.
func AnswerAfterStore(code int, remark string) Action { return fault.AnswerAfterStore(code, remark) }

// Delay waits for d of real time before then. Requests that come after it on the same
// connection are not held up.
func Delay(d time.Duration, then Action) Action { return fault.Delay(d, then) }

// AnswerLate handles the request at once and holds its answer back for d of real time.
func AnswerLate(d time.Duration) Action { return fault.AnswerLate(d) }

// CloseBefore resets the connection instead of handling the request.
func CloseBefore() Action { return fault.CloseBefore() }

// CloseAfter handles the request, a message is stored, and resets the connection instead of
// answering.
func CloseAfter() Action { return fault.CloseAfter() }

// Intercept asks f about every request of a kind, to any broker or the name server; the most
// recent fault is asked first, and where f says Pass, older ones are. f may be called
// concurrently, and may change the script itself, but must not stop a broker or the name
// server, which wait for it: do that in another goroutine. Once a kind was scripted its
// requests are handled concurrently, also those of one connection.
func (c *Cluster) Intercept(kind Kind, f func(*Request) Action) *Fault {
	c.script.watch(kind)
	return c.script.Intercept(kind, f)
}

// Inject does a to the next times requests of a kind, to any broker or the name server; below
// 1 means until the fault is removed. Injecting Pass counts requests.
func (c *Cluster) Inject(kind Kind, a Action, times int) *Fault {
	c.script.watch(kind)
	return c.script.Inject(kind, a, times)
}

// script is the faults of a cluster. It remembers which kinds were ever scripted, so that the
// others cost nothing and keep the order of their connection.
type script struct {
	fault.Script
	watched sync.Map // Kind -> nothing
}

func (s *script) watch(kind Kind) { s.watched.Store(kind, struct{}{}) }

func (s *script) watches(kind Kind) bool {
	if _, ok := s.watched.Load(kind); ok {
		return true
	}
	_, ok := s.watched.Load(Any)
	return ok
}
