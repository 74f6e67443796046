package remoting

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The ROCKETMQ header:
//
//	int16 code | byte language | int16 version | int32 opaque | int32 flag
//	int32 remark length | remark | int32 fields length | { int16 key length | key | int32 value length | value }
const binaryFixedLength = 2 + 1 + 2 + 4 + 4

var errHeaderTruncated = errors.New("remoting: ROCKETMQ header is truncated")

func (c *Command) appendBinaryHeader(dst []byte) ([]byte, error) {
	if c.Code < math.MinInt16 || c.Code > math.MaxInt16 {
		return dst, fmt.Errorf("remoting: code %d does not fit in the ROCKETMQ header", c.Code)
	}
	be := binary.BigEndian
	dst = be.AppendUint16(dst, uint16(c.Code))
	dst = append(dst, byte(c.Language))
	dst = be.AppendUint16(dst, uint16(c.Version))
	dst = be.AppendUint32(dst, uint32(c.Opaque))
	dst = be.AppendUint32(dst, uint32(c.Flag))
	dst = be.AppendUint32(dst, uint32(len(c.Remark)))
	dst = append(dst, c.Remark...)

	fields := len(dst)
	dst = be.AppendUint32(dst, 0)
	for key, value := range c.Ext {
		if len(key) > math.MaxInt16 {
			return dst, fmt.Errorf("remoting: header field name of %d bytes does not fit in 16 bits", len(key))
		}
		dst = be.AppendUint16(dst, uint16(len(key)))
		dst = append(dst, key...)
		dst = be.AppendUint32(dst, uint32(len(value)))
		dst = append(dst, value...)
	}
	be.PutUint32(dst[fields:], uint32(len(dst)-fields-4))
	return dst, nil
}

func decodeBinaryHeader(b []byte) (*Command, error) {
	if len(b) < binaryFixedLength {
		return nil, errHeaderTruncated
	}
	be := binary.BigEndian
	c := &Command{
		Binary:   true,
		Code:     int(int16(be.Uint16(b))),
		Language: Language(b[2]),
		Version:  int(be.Uint16(b[3:])),
		Opaque:   int32(be.Uint32(b[5:])),
		Flag:     int32(be.Uint32(b[9:])),
		Ext:      map[string]string{},
	}
	remark, b, err := takeSized32(b[binaryFixedLength:])
	if err != nil {
		return nil, err
	}
	c.Remark = string(remark)
	fields, _, err := takeSized32(b)
	if err != nil {
		return nil, err
	}
	for len(fields) > 0 {
		var key, value []byte
		if key, fields, err = takeSized16(fields); err != nil {
			return nil, err
		}
		if value, fields, err = takeSized32(fields); err != nil {
			return nil, err
		}
		c.Ext[string(key)] = string(value)
	}
	return c, nil
}

func takeSized32(b []byte) (head, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errHeaderTruncated
	}
	return take(b[4:], int64(int32(binary.BigEndian.Uint32(b))))
}

func takeSized16(b []byte) (head, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errHeaderTruncated
	}
	return take(b[2:], int64(int16(binary.BigEndian.Uint16(b))))
}

func take(b []byte, n int64) (head, rest []byte, err error) {
	if n < 0 || n > int64(len(b)) {
		return nil, nil, errHeaderTruncated
	}
	return b[:n], b[n:], nil
}
