package send

import (
	"errors"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/official"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// Stored is what is known of a message after an attempt.
type Stored int

const (
	No      Stored = iota // certainly not stored by it
	Maybe                 // may have been stored
	Weakly                // on the master, but not as durable as it is configured to make it
	Durably               // SEND_OK
)

// next is where another attempt is worth making.
type next int

const (
	stop        next = iota
	anyBroker        // another one if there is one, else the same again
	otherBroker      // only another one: this one will refuse again
)

type verdict struct {
	stored Stored
	next   next
}

// A row that is missing gets the cautious answer: maybe stored, worth another attempt.
var cautious = verdict{Maybe, anyBroker}

// What the broker answered.
var codes = map[int]verdict{
	remoting.SystemError:         {Maybe, anyBroker}, // raised before the append and after it
	remoting.SystemBusy:          {No, anyBroker},    // turned away at the door: queue or page cache full
	remoting.RequestCodeNotKnown: {No, stop},         // not a broker, or one without this request
	remoting.FlushDiskTimeout:    {Weakly, stop},     // in the master's page cache; the caller decides
	remoting.FlushSlaveTimeout:   {Weakly, stop},     // on the master, on no slave for sure
	remoting.SlaveNotAvailable:   {Weakly, stop},     // on the master, which has no slave
	remoting.MessageIllegal:      {No, stop},         // too large or malformed: every broker says so
	remoting.ServiceNotAvailable: {No, anyBroker},    // read-only, disk full, or going down
	remoting.NoPermission:        {No, otherBroker},  // this broker or topic is closed for writes, or no right to it
	remoting.TopicNotExist:       {No, otherBroker},  // the route is newer or older than this broker
	remoting.GroupNotExist:       {No, stop},         // a retry topic of a group that nobody created
	invalidParameter:             {No, otherBroker},  // the topic has no such queue there, or its name is illegal
	remoting.FlowControl:         {No, anyBroker},    // turned away at the door: quota
}

// invalidParameter is INVALID_PARAMETER of brokers since 5.0.
const invalidParameter = 29

// What the official client said instead of an answer.
var failures = map[official.FailureKind]verdict{
	official.NotStarted: {No, stop},         // it sends nothing before Start
	official.ShutDown:   {No, stop},         // it sends nothing after Shutdown
	official.Invalid:    {No, stop},         // it refused the message itself
	official.NoRoute:    {No, anyBroker},    // no queue or no master to send to; the route may come
	official.Dial:       {No, anyBroker},    // no connection, so not a byte was sent
	official.Write:      {No, anyBroker},    // the frame's last bytes never left, and a part of it is nothing to a broker
	official.Timeout:    {Maybe, anyBroker}, // sent and not answered: lost on the way there, or on the way back
	official.Other:      cautious,
}

// statuses are the codes of answers that the official client returns without an error.
var statuses = map[primitive.SendStatus]int{
	primitive.SendOK:                remoting.Success,
	primitive.SendFlushDiskTimeout:  remoting.FlushDiskTimeout,
	primitive.SendFlushSlaveTimeout: remoting.FlushSlaveTimeout,
	primitive.SendSlaveNotAvailable: remoting.SlaveNotAvailable,
}

// judge is the one place that says what the end of an attempt means.
func judge(a Answer) verdict {
	if a.Stuck {
		return cautious // still running: anything may come of it
	}
	if a.Unsent {
		return failures[official.NoRoute]
	}
	if a.Err != nil {
		return judgeError(a.Err)
	}
	if a.Result == nil {
		return cautious
	}
	code, ok := statuses[a.Result.Status]
	if !ok {
		return cautious
	}
	return codeVerdict(code)
}

func judgeError(err error) verdict {
	if refused := refusal(err); refused != nil {
		return refusalVerdict(refused)
	}
	if unanswered := (*remoting.TransportError)(nil); errors.As(err, &unanswered) {
		if unanswered.Sent {
			return failures[official.Timeout]
		}
		return failures[official.Dial]
	}
	if v, ok := failures[official.Classify(err).Kind]; ok {
		return v
	}
	return cautious
}

// refusal is the answer that err stands for, nil if there was none.
func refusal(err error) *holdfast.BrokerError {
	if refused := (*holdfast.BrokerError)(nil); errors.As(err, &refused) {
		return refused
	}
	return official.Classify(err).Broker
}

// refusalVerdict goes by the code, but for two answers that brokers give under the code of
// anything unexpected although they come from before the store.
func refusalVerdict(refused *holdfast.BrokerError) verdict {
	switch {
	case remoting.Denied(refused):
		return codes[remoting.NoPermission]
	case tooLarge(refused):
		return codes[remoting.MessageIllegal]
	}
	return codeVerdict(refused.Code)
}

func codeVerdict(code int) verdict {
	if code == remoting.Success {
		return verdict{Durably, stop}
	}
	if v, ok := codes[code]; ok {
		return v
	}
	return cautious
}
