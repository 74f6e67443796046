package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"

	mqerrors "github.com/apache/rocketmq-client-go/v2/errors"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-mq/holdfast"
)

func stored() *primitive.SendResult {
	return &primitive.SendResult{
		MsgID:        "0123456789ABCDEF0123456789ABCDEF",
		OffsetMsgID:  "0A00000700002A9F0000000000000100",
		MessageQueue: &primitive.MessageQueue{Topic: "orders", BrokerName: "broker-a", QueueId: 3},
	}
}

func TestOneSpanForASend(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	require.Equal(t, []string{"example.com/scope", "v1", semconv.SchemaURL}, []string{r.scope, r.version, r.schema})
	msg := primitive.NewMessage("orders", []byte("body")).WithTag("paid").WithKeys([]string{"a", "b"})
	msg.WithProperty(primitive.PropertyCorrelationID, "c-1")

	ctx, send := p.Start(t.Context(), msg)
	require.Len(t, r.spans, 1)
	span := r.spans[0]
	require.Equal(t, span.context, trace.SpanContextFromContext(ctx))
	atStart := map[string]any{
		"messaging.system":             "rocketmq",
		"messaging.operation.name":     "send",
		"messaging.operation.type":     "send",
		"messaging.rocketmq.namespace": "",
		"messaging.destination.name":   "orders",
		"messaging.client.id":          "10.0.0.1@1",
	}
	require.Equal(t, atStart, span.atStart)
	send.End(stored(), nil)

	require.Equal(t, "send orders", span.name)
	require.Equal(t, trace.SpanKindProducer, span.kind)
	require.Equal(t, 1, span.ended)
	require.Equal(t, codes.Unset, span.status)
	want := atStart
	want["messaging.rocketmq.message.tag"] = "paid"
	want["messaging.rocketmq.message.keys"] = []string{"a", "b"}
	want["messaging.rocketmq.message.type"] = "normal"
	want["messaging.message.conversation_id"] = "c-1"
	want["messaging.message.id"] = "0123456789ABCDEF0123456789ABCDEF"
	want["messaging.destination.partition.id"] = "broker-a:3"
	want["server.address"] = "10.0.0.7"
	want["server.port"] = int64(10911)
	require.Equal(t, want, span.attributes)
}

func TestTypesOfMessages(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		properties map[string]string
		want       map[string]any
	}{
		{nil, map[string]any{"type": "normal"}},
		{map[string]string{"SHARDING_KEY": "k"}, map[string]any{"type": "fifo", "group": "k"}},
		{map[string]string{"DELAY": "3", "SHARDING_KEY": "k"}, map[string]any{"type": "delay", "delay_time_level": int64(3)}},
		{map[string]string{"DELAY": "soon"}, map[string]any{"type": "delay"}},
		{map[string]string{"TIMER_DELIVER_MS": "1700000000000"}, map[string]any{"type": "delay", "delivery_timestamp": int64(1700000000000)}},
		{map[string]string{"TRAN_MSG": "true"}, map[string]any{"type": "transaction"}},
	} {
		p, r := recording(t, "")
		msg := primitive.NewMessage("orders", nil)
		msg.WithProperties(row.properties)
		p.Start(t.Context(), msg)
		got := r.spans[0].attributes
		for key, value := range row.want {
			require.Equal(t, value, got["messaging.rocketmq.message."+key], row.properties)
		}
		require.Len(t, got, len(r.spans[0].atStart)+len(row.want))
	}
}

func TestABatchIsOneSpanOfSeveralMessages(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	msgs := []*primitive.Message{primitive.NewMessage("orders", nil), primitive.NewMessage("orders", nil)}
	_, send := p.StartBatch(t.Context(), msgs)
	result := stored()
	result.MsgID += "," + result.MsgID
	result.OffsetMsgID += "," + result.OffsetMsgID
	send.End(result, nil)

	span := r.spans[0]
	require.Equal(t, "send orders", span.name)
	require.Equal(t, trace.SpanKindProducer, span.kind)
	require.Equal(t, int64(2), span.attributes["messaging.batch.message_count"])
	require.Equal(t, "10.0.0.7", span.attributes["server.address"])
	require.NotContains(t, span.attributes, "messaging.message.id")
	require.EqualValues(t, 2, r.of(sentMessages)[0].value)

	_, send = p.StartBatch(t.Context(), msgs[:1])
	send.End(stored(), nil)
	require.NotContains(t, r.spans[1].attributes, "messaging.batch.message_count")
	require.Contains(t, r.spans[1].attributes, "messaging.message.id")
}

func TestTheNamespaceIsNotPartOfTheTopic(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "ns")
	for _, topic := range []string{"orders", "ns%orders", "%DLQ%ns%group"} {
		p.Start(t.Context(), primitive.NewMessage(topic, nil))
	}
	require.Equal(t, "ns", r.spans[0].attributes["messaging.rocketmq.namespace"])
	require.Equal(t, []string{"send orders", "send orders", "send %DLQ%group"}, []string{r.spans[0].name, r.spans[1].name, r.spans[2].name})
	require.Equal(t, "orders", r.spans[1].attributes["messaging.destination.name"])
}

func TestMeasurementsOfASend(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	_, send := p.Start(t.Context(), primitive.NewMessage("orders", nil))
	send.End(stored(), nil)
	_, send = p.Start(t.Context(), primitive.NewMessage("orders", nil))
	send.End(nil, &holdfast.BrokerError{Code: 2, Broker: "[2001:db8::1]:10911"})

	want := map[string]any{
		"messaging.system":           "rocketmq",
		"messaging.operation.name":   "send",
		"messaging.operation.type":   "send",
		"messaging.destination.name": "orders",
		"server.address":             "10.0.0.7",
		"server.port":                int64(10911),
	}
	for _, i := range []Instrument{operationDuration, sentMessages} {
		require.Len(t, r.of(i), 2)
		require.Equal(t, want, r.of(i)[0].attributes)
		require.Equal(t, r.spans[0].context, r.of(i)[0].span, "an exemplar finds its trace")
	}
	require.EqualValues(t, 1, r.of(sentMessages)[0].value)
	require.GreaterOrEqual(t, r.of(operationDuration)[0].value, 0.0)

	want["server.address"], want["error.type"] = "2001:db8::1", "SYSTEM_BUSY"
	require.Equal(t, want, r.of(sentMessages)[1].attributes)
}

func TestErrorTypes(t *testing.T) {
	t.Parallel()
	notDurable := func(s primitive.SendStatus) error {
		return &holdfast.NotDurableError{Status: s, Result: stored()}
	}
	broker := func(code int) error { return &holdfast.BrokerError{Code: code, Broker: "broker-a"} }
	rows := []struct {
		err  error
		want string
	}{
		{notDurable(primitive.SendFlushDiskTimeout), "FLUSH_DISK_TIMEOUT"},
		{notDurable(primitive.SendFlushSlaveTimeout), "FLUSH_SLAVE_TIMEOUT"},
		{notDurable(primitive.SendSlaveNotAvailable), "SLAVE_NOT_AVAILABLE"},
		{notDurable(primitive.SendUnknownError), "_OTHER"},
		{broker(1), "SYSTEM_ERROR"},
		{broker(2), "SYSTEM_BUSY"},
		{broker(3), "REQUEST_CODE_NOT_SUPPORTED"},
		{broker(13), "MESSAGE_ILLEGAL"},
		{broker(14), "SERVICE_NOT_AVAILABLE"},
		{broker(16), "NO_PERMISSION"},
		{broker(17), "TOPIC_NOT_EXIST"},
		{broker(215), "FLOW_CONTROL"},
		{broker(9999), "_OTHER"},
		{errors.New("CODE: 16, DESC: no"), "NO_PERMISSION"},
		{errors.Join(context.DeadlineExceeded, broker(2)), "SYSTEM_BUSY"},
		{context.DeadlineExceeded, "timeout"},
		{errors.Join(holdfast.ErrOutcomeUnknown, context.DeadlineExceeded), "timeout"},
		{errors.Join(holdfast.ErrOutcomeUnknown, context.Canceled), "canceled"},
		{mqerrors.ErrRequestTimeout, "timeout"},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, "unreachable"},
		{&net.OpError{Op: "write", Err: errors.New("reset")}, "unreachable"},
		{errors.New("the topic=orders route info not found"), "no_route"},
		{mqerrors.ErrNotRunning, "closed"},
		{mqerrors.ErrService, "closed"},
		{mqerrors.ErrMultipleTopics, "invalid"},
		{self("invalid"), "invalid"},
		{self("made up"), "_OTHER"},
		{self("panic"), "panic"},
		{holdfast.RetryAfter(1, nil), "retry"},
		{holdfast.Reject(context.Canceled), "reject"},
		{holdfast.Hold(1, nil), "hold"},
		{holdfast.Pause(broker(2)), "pause"},
		{errors.New("anything"), "_OTHER"},
	}
	met := map[string]bool{}
	for _, row := range rows {
		met[row.want] = true
		err := fmt.Errorf("holdfast: %w", row.err)
		p, r := recording(t, "")
		_, send := p.Start(t.Context(), primitive.NewMessage("orders", nil))
		send.End(nil, err)
		span := r.spans[0]
		require.Equal(t, row.want, span.attributes["error.type"], row.err)
		require.Equal(t, codes.Error, span.status)
		require.Equal(t, err.Error(), span.description)
		require.Equal(t, row.want, r.of(sentMessages)[0].attributes["error.type"])
	}
	for _, listed := range ErrorTypes {
		require.True(t, met[listed.Value], "%s is listed, but no error has it", listed.Value)
	}
}

// self is an error that names its own type.
type self string

func (s self) Error() string     { return "self" }
func (s self) ErrorType() string { return string(s) }

func TestAMessageStoredButNotDurablyHasItsPlace(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	_, send := p.Start(t.Context(), primitive.NewMessage("orders", nil))
	send.End(nil, &holdfast.NotDurableError{Status: primitive.SendFlushDiskTimeout, Result: stored()})
	require.Equal(t, "broker-a:3", r.spans[0].attributes["messaging.destination.partition.id"])
	require.Equal(t, "10.0.0.7", r.spans[0].attributes["server.address"])
}

func TestResultsThatTellNothing(t *testing.T) {
	t.Parallel()
	for _, result := range []*primitive.SendResult{nil, {}, {OffsetMsgID: "not an id"}} {
		p, r := recording(t, "")
		_, send := p.Start(t.Context(), primitive.NewMessage("orders", nil))
		send.End(result, nil)
		require.NotContains(t, r.spans[0].attributes, "server.address")
		require.NotContains(t, r.spans[0].attributes, "messaging.message.id")
	}
	Send{}.End(nil, nil)
	Send{}.Inject(t.Context(), nil, 0)
}
