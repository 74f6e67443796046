package consumer

import (
	"bytes"
	"compress/zlib"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/google/uuid"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/send"
)

// Properties that copies carry for people who look at retries and dead letters. They are left
// out where they do not fit.
const (
	// ReasonProperty is the text of the error for which the message was not acknowledged, cut
	// to 1,024 bytes.
	ReasonProperty = "HOLDFAST_REASON"

	// AttemptProperty is the number of attempts made when the copy was stored.
	AttemptProperty = "HOLDFAST_ATTEMPT"

	// TimeProperty is when the copy was made, in RFC 3339, UTC.
	TimeProperty = "HOLDFAST_TIME"

	// copyProperty tells this copy from others of the same message.
	copyProperty = "HOLDFAST_COPY"
)

const (
	retryPrefix = "%RETRY%"
	deadPrefix  = "%DLQ%"

	// roomForProperties is the broker's 32,767 bytes less what it adds itself: where the copy
	// goes after its delay, the region, the cluster, the trace switch; and headerFor.
	roomForProperties = 32_767 - 1_024
	maxReason         = 1_024

	// deliverAt is RocketMQ 5's time of delivery in milliseconds, and never is one that no
	// broker accepts: the year 9999.
	deliverAt = "TIMER_DELIVER_MS"
	never     = "253402300799000"
)

// fate is what a copy is for.
type fate int

const (
	again fate = iota // tried again, counted
	later             // tried again, not counted
	dead
)

// storedCopy is a copy of a message as it is sent.
type storedCopy struct {
	id         string // of this copy, empty if there was no room for it
	header     remoting.SendMessageHeader
	properties map[string]string
	body       []byte
}

// headerFor is the header for a broker that knows the time of delivery, or does not.
//
// While some member of the group holds queue locks, the broker makes a dead letter of whatever
// is sent to the retry topic, and takes its delay level away. Without one, a broker since 5.0
// reads the time of delivery, and refuses the message for one that is never; with a level it
// removes the time unread. So the copy is stored as a retry or not at all.
func (c *storedCopy) headerFor(knowsTimes bool) remoting.SendMessageHeader {
	header, properties := c.header, c.properties
	if knowsTimes && c.isDelayed() {
		properties = maps.Clone(properties)
		properties[deliverAt] = never
	}
	header.Properties = remoting.EncodeProperties(properties)
	return header
}

func (c *storedCopy) isDelayed() bool {
	return c.properties[primitive.PropertyDelayTimeLevel] != ""
}

// newCopy makes the copy of msg for the group, under wire names.
func newCopy(c holdfast.Cluster, group string, msg *primitive.MessageExt, f fate, level, attempt, limit int, reason error) *storedCopy {
	count := int(msg.ReconsumeTimes)
	if f != later {
		count++
	}
	if f == again && count > limit {
		f = dead
	}
	if f == dead {
		// The broker makes the dead-letter topic by itself for what is sent to the retry topic
		// and was tried more often than it may be.
		limit = count - 1
	} else {
		limit = max(limit, count)
	}

	required := requiredProperties(c, msg, count)
	if f != dead {
		required[primitive.PropertyDelayTimeLevel] = strconv.Itoa(max(level, 1))
	}
	copied := &storedCopy{}
	copied.properties = copied.fit(required, attempt, reason)
	body, flag := bodyOf(msg)
	copied.body = body
	copied.header = remoting.SendMessageHeader{
		ProducerGroup: c.Topic(group), Topic: c.Topic(retryPrefix + group), QueueID: -1, // the broker chooses
		SysFlag: flag, BornTimestamp: msg.BornTimestamp, Flag: msg.Flag,
		ReconsumeTimes: count, MaxReconsumeTimes: limit,
	}
	return copied
}

// requiredProperties are those without which the copy would not be the message.
func requiredProperties(c holdfast.Cluster, msg *primitive.MessageExt, count int) map[string]string {
	properties := msg.GetProperties()
	kept := send.CopyProperties(properties)
	for _, ours := range [...]string{ReasonProperty, AttemptProperty, TimeProperty, copyProperty} {
		delete(kept, ours)
	}
	for name, value := range kept {
		if value == "" { // brokers drop what has no value
			delete(kept, name)
		}
	}
	origin := properties[primitive.PropertyOriginMessageId]
	if origin == "" {
		origin = msg.OffsetMsgId
	}
	if kept[primitive.PropertyUniqueClientMessageIdKeyIndex] == "" && origin != "" {
		// Brokers since 5.0 would make up another identity for each copy.
		kept[primitive.PropertyUniqueClientMessageIdKeyIndex] = origin
	}
	if origin != "" {
		kept[primitive.PropertyOriginMessageId] = origin
	}
	kept[primitive.PropertyRetryTopic] = originalTopic(c, msg)
	kept[primitive.PropertyReconsumeTime] = strconv.Itoa(count)
	return kept
}

// originalTopic is the wire name of the topic that the message was first sent to. The official
// push consumer has restored it in msg; the pull consumer has not.
func originalTopic(c holdfast.Cluster, msg *primitive.MessageExt) string {
	if topic := msg.GetProperty(primitive.PropertyRetryTopic); topic != "" && strings.HasPrefix(msg.Topic, retryPrefix) {
		return topic
	}
	return c.Topic(msg.Topic)
}

// fit adds what is optional, the most useful first, as far as there is room.
func (c *storedCopy) fit(properties map[string]string, attempt int, reason error) map[string]string {
	left := roomForProperties
	for name, value := range properties {
		left -= sizeOfProperty(name, value)
	}
	if left < 0 { // the count is in the header too
		left += sizeOfProperty(primitive.PropertyReconsumeTime, properties[primitive.PropertyReconsumeTime])
		delete(properties, primitive.PropertyReconsumeTime)
	}
	add := func(name, value string) bool {
		size := sizeOfProperty(name, value)
		if value == "" || size > left {
			return false
		}
		left -= size
		properties[name] = value
		return true
	}
	if id := uuid.NewString(); add(copyProperty, id) {
		c.id = id
	}
	if attempt > 0 {
		add(AttemptProperty, strconv.Itoa(attempt))
	}
	add(TimeProperty, time.Now().UTC().Format(time.RFC3339))
	if reason != nil {
		add(ReasonProperty, cut(reason.Error(), min(maxReason, left-sizeOfProperty(ReasonProperty, ""))))
	}
	return properties
}

// sizeOfProperty is what a property takes, with its separators.
func sizeOfProperty(name, value string) int { return len(name) + len(value) + 2 }

// cut shortens text to at most n bytes of whole characters, without the separators of
// properties.
func cut(text string, n int) string {
	text = strings.Map(func(r rune) rune {
		if r == '\x01' || r == '\x02' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if n <= 0 {
		return ""
	}
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// bodyOf is the body as it is stored, with its system flag. The official client has undone
// zlib, which is done again so that a copy is not refused for its size; what it cannot undo
// it hands over as it was stored.
func bodyOf(msg *primitive.MessageExt) ([]byte, int) {
	const compression = remoting.FlagCompressed | 7<<8
	if int(msg.SysFlag)&remoting.FlagCompressed == 0 {
		return msg.Body, 0
	}
	switch (&remoting.Message{SysFlag: int(msg.SysFlag)}).Compression() {
	case remoting.LZ4, remoting.ZSTD:
		return msg.Body, int(msg.SysFlag) & compression
	}
	var compressed bytes.Buffer
	w := zlib.NewWriter(&compressed)
	_, err := w.Write(msg.Body)
	if closing := w.Close(); err != nil || closing != nil || compressed.Len() >= len(msg.Body) {
		return msg.Body, 0
	}
	return compressed.Bytes(), int(msg.SysFlag) & compression
}
