package holdfast

import (
	"errors"
	"fmt"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// ErrOutcomeUnknown marks a send after which the message may or may not be stored: ask with
// errors.Is. An error that is not ErrOutcomeUnknown means certainly not stored. The same
// message sent again keeps its UNIQ_KEY, so a duplicate can be recognised.
var ErrOutcomeUnknown = errors.New("outcome unknown: the message may have been stored")

// NotDurableError says that the master stored the message but not as durably as it is
// configured to: it could not flush in time, or no slave confirmed. It is an
// ErrOutcomeUnknown too, because what a crash would leave of the message is not known.
// Whoever can live with that finds the broker's answer in Result.
type NotDurableError struct {
	Status primitive.SendStatus  // FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT or SLAVE_NOT_AVAILABLE
	Result *primitive.SendResult // where the master stored it
}

// Error names the status and what it means.
func (e *NotDurableError) Error() string {
	switch e.Status {
	case primitive.SendFlushDiskTimeout:
		return "stored but not durable: FLUSH_DISK_TIMEOUT, the master did not flush in time"
	case primitive.SendFlushSlaveTimeout:
		return "stored but not durable: FLUSH_SLAVE_TIMEOUT, no slave confirmed in time"
	case primitive.SendSlaveNotAvailable:
		return "stored but not durable: SLAVE_NOT_AVAILABLE, the master has no slave"
	default:
		return fmt.Sprintf("stored but not durable: status %d", e.Status)
	}
}

// Is makes errors.Is(err, ErrOutcomeUnknown) true.
func (e *NotDurableError) Is(target error) bool { return target == ErrOutcomeUnknown }

// BrokerError is a refusal by a broker or name server, with its own code and words. The
// codes are those of RocketMQ's ResponseCode and RequestCode (13 MESSAGE_ILLEGAL, 16
// NO_PERMISSION, 17 TOPIC_NOT_EXIST, and so on).
type BrokerError struct {
	Code   int
	Remark string
	Broker string // the broker's name or address, where known
}

// Error reads "broker broker-a answered 13: the message body size exceeded".
func (e *BrokerError) Error() string {
	who := "the broker"
	if e.Broker != "" {
		who = "broker " + e.Broker
	}
	if e.Remark == "" {
		return fmt.Sprintf("%s answered %d", who, e.Code)
	}
	return fmt.Sprintf("%s answered %d: %s", who, e.Code, e.Remark)
}

// Is compares codes, and broker where the target names one, so that
// errors.Is(err, &BrokerError{Code: 16}) finds a refusal for want of permission.
func (e *BrokerError) Is(target error) bool {
	t, ok := target.(*BrokerError)
	return ok && t.Code == e.Code && (t.Broker == "" || t.Broker == e.Broker)
}
