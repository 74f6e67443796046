package telemetry

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/official"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// An ErrorType is one value of error.type, as docs/METRICS.md shows it.
type ErrorType struct{ Value, Meaning string }

// ErrorTypes lists every value of error.type, so that its cardinality is known.
var ErrorTypes = []ErrorType{
	{"timeout", "no answer in time, or the deadline of the call"},
	{"canceled", "the call was cancelled"},
	{"unreachable", "no connection, or it broke"},
	{"no_route", "no name server knows a broker for the topic"},
	{"closed", "the producer is not started, or is shut down"},
	{"invalid", "the message was refused before anything was sent"},
	{"FLUSH_DISK_TIMEOUT", "stored, but not flushed in time"},
	{"FLUSH_SLAVE_TIMEOUT", "stored, but no slave confirmed in time"},
	{"SLAVE_NOT_AVAILABLE", "stored, but there is no slave to confirm"},
	{"SYSTEM_ERROR", "answered by the broker: code 1"},
	{"SYSTEM_BUSY", "answered by the broker: code 2"},
	{"REQUEST_CODE_NOT_SUPPORTED", "answered by the broker: code 3"},
	{"MESSAGE_ILLEGAL", "answered by the broker: code 13"},
	{"SERVICE_NOT_AVAILABLE", "answered by the broker: code 14"},
	{"NO_PERMISSION", "answered by the broker: code 16"},
	{"TOPIC_NOT_EXIST", "answered by the broker: code 17"},
	{"FLOW_CONTROL", "answered by the broker: code 215"},
	{"retry", "the handler asked for a retry"},
	{"reject", "the handler rejected the message"},
	{"hold", "the handler held the message"},
	{"pause", "the handler paused"},
	{"panic", "the handler panicked"},
	{"_OTHER", "anything else"},
}

var codeNames = map[int]string{
	remoting.SystemError:         "SYSTEM_ERROR",
	remoting.SystemBusy:          "SYSTEM_BUSY",
	remoting.RequestCodeNotKnown: "REQUEST_CODE_NOT_SUPPORTED",
	remoting.FlushDiskTimeout:    "FLUSH_DISK_TIMEOUT",
	remoting.FlushSlaveTimeout:   "FLUSH_SLAVE_TIMEOUT",
	remoting.SlaveNotAvailable:   "SLAVE_NOT_AVAILABLE",
	remoting.MessageIllegal:      "MESSAGE_ILLEGAL",
	remoting.ServiceNotAvailable: "SERVICE_NOT_AVAILABLE",
	remoting.NoPermission:        "NO_PERMISSION",
	remoting.TopicNotExist:       "TOPIC_NOT_EXIST",
	remoting.FlowControl:         "FLOW_CONTROL",
}

var statusNames = map[primitive.SendStatus]string{
	primitive.SendFlushDiskTimeout:  "FLUSH_DISK_TIMEOUT",
	primitive.SendFlushSlaveTimeout: "FLUSH_SLAVE_TIMEOUT",
	primitive.SendSlaveNotAvailable: "SLAVE_NOT_AVAILABLE",
}

var verdictNames = map[holdfast.VerdictKind]string{
	holdfast.VerdictRetry:  "retry",
	holdfast.VerdictReject: "reject",
	holdfast.VerdictHold:   "hold",
	holdfast.VerdictPause:  "pause",
}

// errorType returns one of ErrorTypes, and "" for nil. An error with a method ErrorType names
// itself; otherwise what the broker said counts for more than the way the call ended.
func errorType(err error) string {
	if err == nil {
		return ""
	}
	var named interface{ ErrorType() string }
	if errors.As(err, &named) {
		return known(named.ErrorType())
	}
	var verdict *holdfast.Verdict
	if errors.As(err, &verdict) {
		return known(verdictNames[verdict.Kind])
	}
	var notDurable *holdfast.NotDurableError
	if errors.As(err, &notDurable) {
		return known(statusNames[notDurable.Status])
	}
	failure := official.Classify(err)
	if failure.Kind == official.Refused {
		return known(codeNames[failure.Broker.Code])
	}
	if errors.Is(err, context.Canceled) {
		return "canceled"
	}
	switch failure.Kind {
	case official.Timeout:
		return "timeout"
	case official.Dial, official.Write:
		return "unreachable"
	case official.NoRoute:
		return "no_route"
	case official.NotStarted, official.ShutDown:
		return "closed"
	case official.Invalid:
		return "invalid"
	default:
		return "_OTHER"
	}
}

// known keeps the list complete whatever an error calls itself.
func known(name string) string {
	if slices.ContainsFunc(ErrorTypes, func(t ErrorType) bool { return t.Value == name }) {
		return name
	}
	return "_OTHER"
}

// storedAs returns where the messages were stored, if that is known.
func storedAs(result *primitive.SendResult, err error) *primitive.SendResult {
	var notDurable *holdfast.NotDurableError
	switch {
	case err == nil:
		return result
	case errors.As(err, &notDurable):
		return notDurable.Result
	default:
		return nil
	}
}

// serverOf returns the address of the broker that answered, where the answer tells it.
func serverOf(result *primitive.SendResult, err error) []attribute.KeyValue {
	if stored := storedAs(result, err); stored != nil {
		// The id that the broker gave the message begins with its address. Of a batch's ids
		// the first will do.
		id, _, _ := strings.Cut(stored.OffsetMsgID, ",")
		host, _, err := remoting.ParseOffsetMsgID(id)
		if err != nil {
			return nil
		}
		return hostPort(host.String())
	}
	var answer *holdfast.BrokerError
	if errors.As(err, &answer) {
		return hostPort(answer.Broker)
	}
	return nil
}

func hostPort(address string) []attribute.KeyValue {
	host, digits, err := net.SplitHostPort(address)
	if err != nil {
		return nil // a broker's name, or nothing
	}
	port, err := strconv.Atoi(digits)
	if err != nil {
		return nil
	}
	return []attribute.KeyValue{semconv.ServerAddress(host), semconv.ServerPort(port)}
}
