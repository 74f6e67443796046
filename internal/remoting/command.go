package remoting

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// DefaultFrameLimit is the largest frame that is read unless told otherwise: 16 MiB, the
// default of the brokers themselves.
const DefaultFrameLimit = 16 << 20

const (
	flagResponse = 1 << 0
	flagOneWay   = 1 << 1

	// protocolVersion is RocketMQ 4.9.4's: from there on a name server answers a route in
	// standard JSON.
	protocolVersion = 401

	serializeJSON   = 0
	serializeBinary = 1
)

// ErrFrameTooLarge is returned for a frame over the limit; the connection it came on cannot
// be read any further.
var ErrFrameTooLarge = errors.New("remoting: frame exceeds the limit")

// Command is one frame: a request or a response.
type Command struct {
	Code     int // a request code, or a response code
	Language Language
	Version  int
	Opaque   int32 // pairs a response with its request
	Flag     int32
	Remark   string
	Ext      map[string]string // the header fields of this code
	Body     []byte
	Binary   bool // ROCKETMQ header serialisation instead of JSON
}

// NewRequest makes a request with header's fields (a struct with rmq tags, or nil).
func NewRequest(code int, header any, body []byte) *Command {
	return &Command{Code: code, Language: LanguageGo, Version: protocolVersion, Ext: EncodeHeader(header), Body: body}
}

// NewResponse makes the response to c, in JSON whatever c came in, as brokers do.
func (c *Command) NewResponse(code int, remark string) *Command {
	return &Command{
		Code: code, Language: LanguageGo, Version: protocolVersion, Opaque: c.Opaque,
		Flag: flagResponse, Remark: remark, Ext: map[string]string{},
	}
}

// IsResponse tells a response from a request.
func (c *Command) IsResponse() bool { return c.Flag&flagResponse != 0 }

// IsOneWay says that the sender of the request wants no response.
func (c *Command) IsOneWay() bool { return c.Flag&flagOneWay != 0 }

// SetOneWay marks the request as wanting no response.
func (c *Command) SetOneWay() { c.Flag |= flagOneWay }

// AppendFrame appends the encoded frame to dst.
//
//	int32 length of what follows | byte serialisation, uint24 header length | header | body
func (c *Command) AppendFrame(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	var err error
	serialization := byte(serializeJSON)
	if c.Binary {
		serialization = serializeBinary
		dst, err = c.appendBinaryHeader(dst)
	} else {
		dst, err = c.appendJSONHeader(dst)
	}
	if err != nil {
		return dst[:start], err
	}
	headerLength := len(dst) - start - 8
	if headerLength >= 1<<24 {
		return dst[:start], fmt.Errorf("remoting: header of %d bytes does not fit in 24 bits", headerLength)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(4+headerLength+len(c.Body)))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(headerLength))
	dst[start+4] = serialization
	return append(dst, c.Body...), nil
}

// ReadFrame reads one frame of at most limit bytes (0 means DefaultFrameLimit). At the end
// of the stream between frames it returns io.EOF.
func ReadFrame(r io.Reader, limit int) (*Command, error) {
	if limit <= 0 {
		limit = DefaultFrameLimit
	}
	var prefix [4]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(prefix[:])
	if int64(length) > int64(limit) {
		return nil, fmt.Errorf("%w: %d bytes announced, %d allowed", ErrFrameTooLarge, length, limit)
	}
	frame := make([]byte, length)
	if _, err := io.ReadFull(r, frame); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return decodeFrame(frame)
}

// decodeFrame decodes what follows the length. The body aliases frame.
func decodeFrame(frame []byte) (*Command, error) {
	if len(frame) < 4 {
		return nil, fmt.Errorf("remoting: frame of %d bytes has no header length", len(frame))
	}
	headerLength := int(binary.BigEndian.Uint32(frame) & 0xFFFFFF)
	if headerLength > len(frame)-4 {
		return nil, fmt.Errorf("remoting: header of %d bytes in a frame of %d", headerLength, len(frame))
	}
	header, body := frame[4:4+headerLength], frame[4+headerLength:]

	var c *Command
	var err error
	switch serialization := frame[0]; serialization {
	case serializeJSON:
		c, err = decodeJSONHeader(header)
	case serializeBinary:
		c, err = decodeBinaryHeader(header)
	default:
		return nil, fmt.Errorf("remoting: header serialisation %d is neither JSON nor ROCKETMQ", serialization)
	}
	if err != nil {
		return nil, err
	}
	c.Body = body
	return c, nil
}
