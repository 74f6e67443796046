package send

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	mqerrors "github.com/apache/rocketmq-client-go/v2/errors"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

func refused(code int) error {
	return fmt.Errorf("CODE: %d, DESC: why", code) // as the official client words it
}

func status(s primitive.SendStatus) Answer { return Answer{Result: &primitive.SendResult{Status: s}} }

func TestEveryEndOfAnAttemptHasItsMeaning(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	write := &net.OpError{Op: "write", Err: syscall.EPIPE}
	for name, c := range map[string]struct {
		answer Answer
		stored Stored
		next   next
	}{
		"SEND_OK":             {status(primitive.SendOK), Durably, stop},
		"FLUSH_DISK_TIMEOUT":  {status(primitive.SendFlushDiskTimeout), Weakly, stop},
		"FLUSH_SLAVE_TIMEOUT": {status(primitive.SendFlushSlaveTimeout), Weakly, stop},
		"SLAVE_NOT_AVAILABLE": {status(primitive.SendSlaveNotAvailable), Weakly, stop},
		"unknown status":      {status(primitive.SendUnknownError), Maybe, anyBroker},
		"no answer at all":    {Answer{}, Maybe, anyBroker},

		"1 SYSTEM_ERROR":             {Answer{Err: refused(1)}, Maybe, anyBroker},
		"2 SYSTEM_BUSY":              {Answer{Err: refused(2)}, No, anyBroker},
		"3 not supported":            {Answer{Err: refused(3)}, No, stop},
		"13 MESSAGE_ILLEGAL":         {Answer{Err: refused(13)}, No, stop},
		"14 SERVICE_NOT_AVAILABLE":   {Answer{Err: refused(14)}, No, anyBroker},
		"16 NO_PERMISSION":           {Answer{Err: refused(16)}, No, otherBroker},
		"17 TOPIC_NOT_EXIST":         {Answer{Err: refused(17)}, No, otherBroker},
		"26 GROUP_NOT_EXIST":         {Answer{Err: refused(26)}, No, stop},
		"29 INVALID_PARAMETER":       {Answer{Err: refused(29)}, No, otherBroker},
		"215 FLOW_CONTROL":           {Answer{Err: refused(215)}, No, anyBroker},
		"1 denied by access control": {Answer{Err: errors.New("CODE: 1, DESC: org.apache.rocketmq.acl.common.AclException: No permission")}, No, otherBroker},
		"1 batch too large":          {Answer{Err: errors.New("CODE: 1, DESC: java.lang.RuntimeException: message body size exceeded")}, No, stop},
		"a code nobody knows":        {Answer{Err: refused(4711)}, Maybe, anyBroker},

		"not started":                  {Answer{Err: mqerrors.ErrNotRunning}, No, stop},
		"shut down":                    {Answer{Err: mqerrors.ErrService}, No, stop},
		"refused by the client":        {Answer{Err: mqerrors.ErrTopicEmpty}, No, stop},
		"nothing sent":                 {Answer{Err: errors.New("?"), Unsent: true}, No, anyBroker},
		"no route":                     {Answer{Err: errors.New("the topic=orders route info not found")}, No, anyBroker},
		"no master":                    {Answer{Err: errors.New("topic=orders route info not found")}, No, anyBroker},
		"connection refused":           {Answer{Err: dial}, No, anyBroker},
		"reset while writing":          {Answer{Err: write}, No, anyBroker},
		"timeout, or ctx ended":        {Answer{Err: mqerrors.ErrRequestTimeout}, Maybe, anyBroker},
		"ctx ended":                    {Answer{Err: context.DeadlineExceeded}, Maybe, anyBroker},
		"cut off":                      {Answer{Err: io.ErrUnexpectedEOF}, Maybe, anyBroker},
		"stuck":                        {Answer{Err: errors.New("stuck"), Stuck: true}, Maybe, anyBroker},
		"an error nobody knows":        {Answer{Err: errors.New("?")}, Maybe, anyBroker},
		"our client, refused":          {Answer{Err: &holdfast.BrokerError{Code: 13}}, No, stop},
		"our client, never sent":       {Answer{Err: &remoting.TransportError{Op: "dial"}}, No, anyBroker},
		"our client, sent, unanswered": {Answer{Err: &remoting.TransportError{Op: "wait", Sent: true}}, Maybe, anyBroker},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, verdict{c.stored, c.next}, judge(c.answer))
		})
	}
}
