package remoting

import (
	"encoding/binary"
	"fmt"
	"math"
)

// BatchMessage is one message in the body of SEND_BATCH_MESSAGE:
//
//	int32 total size | int32 magic | int32 body CRC | int32 flag
//	int32 body length | body | int16 properties length | properties
type BatchMessage struct {
	Flag       int32
	Body       []byte
	Properties string // EncodeProperties
}

const batchFixed = 5*4 + 2

// AppendBatch appends one message of a batch to dst.
func AppendBatch(dst []byte, m BatchMessage) ([]byte, error) {
	if len(m.Properties) > math.MaxInt16 {
		return dst, fmt.Errorf("remoting: properties of %d bytes do not fit in a batch (32767)", len(m.Properties))
	}
	be := binary.BigEndian
	dst = be.AppendUint32(dst, uint32(batchFixed+len(m.Body)+len(m.Properties)))
	dst = be.AppendUint32(dst, 0)
	dst = be.AppendUint32(dst, 0)
	dst = be.AppendUint32(dst, uint32(m.Flag))
	dst = be.AppendUint32(dst, uint32(len(m.Body)))
	dst = append(dst, m.Body...)
	dst = be.AppendUint16(dst, uint16(len(m.Properties)))
	return append(dst, m.Properties...), nil
}

// AppendBatchMessage appends one message of a batch from its parts, the properties in no order
// and without a copy in between. Encoded they must not be over 32,767 bytes.
func AppendBatchMessage(dst []byte, flag int32, body []byte, properties map[string]string) []byte {
	be, start := binary.BigEndian, len(dst)
	dst = append(dst, make([]byte, 12)...)
	dst = be.AppendUint32(dst, uint32(flag))
	dst = be.AppendUint32(dst, uint32(len(body)))
	dst = append(dst, body...)
	at := len(dst)
	dst = append(dst, 0, 0)
	for name, value := range properties {
		dst = append(dst, name...)
		dst = append(dst, nameValueSeparator)
		dst = append(dst, value...)
		dst = append(dst, propertySeparator)
	}
	be.PutUint16(dst[at:], uint16(len(dst)-at-2))
	be.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// DecodeBatch reads the body of SEND_BATCH_MESSAGE. Bodies alias b.
func DecodeBatch(b []byte) ([]BatchMessage, error) {
	var messages []BatchMessage
	for len(b) > 0 {
		if len(b) < batchFixed {
			return nil, ErrMessageTruncated
		}
		size := int64(int32(binary.BigEndian.Uint32(b)))
		if size < batchFixed || size > int64(len(b)) {
			return nil, fmt.Errorf("%w: batch entry of %d in %d bytes", ErrMessageTruncated, size, len(b))
		}
		m := BatchMessage{Flag: int32(binary.BigEndian.Uint32(b[12:]))}
		body, rest, err := takeSized32(b[16:size])
		if err != nil {
			return nil, ErrMessageTruncated
		}
		properties, _, err := takeSized16(rest)
		if err != nil {
			return nil, ErrMessageTruncated
		}
		m.Body, m.Properties = body, string(properties)
		messages = append(messages, m)
		b = b[size:]
	}
	return messages, nil
}
