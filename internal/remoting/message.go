package remoting

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"net/netip"
	"strings"
)

// A stored message, in the layout of RocketMQ's MessageDecoder:
//
//	int32 total size | int32 magic | int32 body CRC | int32 queue id | int32 flag
//	int64 queue offset | int64 commit-log offset | int32 system flag
//	int64 born time | born host | int64 store time | store host
//	int32 reconsume times | int64 prepared transaction offset
//	int32 body length | body | byte topic length (int16 in version 2) | topic
//	int16 properties length | properties
//
// A host is 4 or 16 bytes of address, as the system flag says, and an int32 port.
const (
	magicV1 = 0xDAA320A7
	magicV2 = 0xDAA320AB

	// fixedBeforeHosts is total size to system flag, and the born time.
	fixedBeforeHosts = 5*4 + 2*8 + 4 + 8

	// maxPayload bounds what a compressed body may grow to; brokers take 4 MiB by default.
	maxPayload = 64 << 20
)

// ErrMessageTruncated is returned for a stored message that ends before its layout does.
var ErrMessageTruncated = errors.New("remoting: stored message is truncated")

// Message is a message as a broker stores it.
type Message struct {
	Topic           string
	QueueID         int
	QueueOffset     int64
	CommitLogOffset int64
	SysFlag         int
	Flag            int32
	BornTimestamp   int64 // milliseconds since 1970
	BornHost        netip.AddrPort
	StoreTimestamp  int64 // milliseconds since 1970
	StoreHost       netip.AddrPort
	ReconsumeTimes  int
	PreparedOffset  int64
	BodyCRC         uint32
	Body            []byte // as stored: see Payload
	Properties      map[string]string
}

// Compression is how a stored body is compressed.
type Compression int

// Compressions, as in RocketMQ's CompressionType; clients before 5.0 write only zlib.
const (
	Uncompressed Compression = iota
	LZ4
	ZSTD
	Zlib
)

// Compression tells how the body is compressed.
func (m *Message) Compression() Compression {
	if m.SysFlag&FlagCompressed == 0 {
		return Uncompressed
	}
	switch c := Compression(m.SysFlag & flagCompressionMask >> flagCompressionShift); c {
	case LZ4, ZSTD:
		return c
	default:
		return Zlib
	}
}

// Payload returns the body as its sender gave it: zlib is undone, LZ4 and ZSTD are an error.
func (m *Message) Payload() ([]byte, error) {
	switch c := m.Compression(); c {
	case Uncompressed:
		return m.Body, nil
	case Zlib:
		return inflate(m.Body, maxPayload)
	default:
		return nil, fmt.Errorf("remoting: body of message %s is compressed with type %d, only zlib is known", m.UniqueKey(), c)
	}
}

func inflate(body []byte, limit int64) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("remoting: decompress body: %w", err)
	}
	payload, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("remoting: decompress body: %w", err)
	}
	if int64(len(payload)) > limit {
		return nil, fmt.Errorf("remoting: decompress body: over %d bytes", limit)
	}
	return payload, nil
}

// UniqueKey is the UNIQ_KEY property, empty where there is none.
func (m *Message) UniqueKey() string { return m.Properties["UNIQ_KEY"] }

// OffsetMsgID is the broker's id of this copy: its host and commit-log offset in hex.
func (m *Message) OffsetMsgID() string {
	b := make([]byte, 0, 28)
	b = appendHost(b, m.StoreHost)
	b = binary.BigEndian.AppendUint64(b, uint64(m.CommitLogOffset))
	return strings.ToUpper(hex.EncodeToString(b))
}

// ParseOffsetMsgID undoes OffsetMsgID; it takes 32 hex digits (IPv4) or 56 (IPv6).
func ParseOffsetMsgID(id string) (host netip.AddrPort, commitLogOffset int64, err error) {
	b, err := hex.DecodeString(id)
	if err != nil || (len(b) != 16 && len(b) != 28) {
		return netip.AddrPort{}, 0, fmt.Errorf("remoting: %q is not an offset message id of 32 or 56 hex digits", id)
	}
	host, b = takeHost(b, len(b) == 28)
	return host, int64(binary.BigEndian.Uint64(b)), nil
}

// Append appends the stored form to dst. The V6 flags follow from the hosts, BodyCRC from
// the body; the error says what does not fit its length field.
func (m *Message) Append(dst []byte) ([]byte, error) {
	properties := EncodeProperties(m.Properties)
	switch {
	case len(properties) > math.MaxInt16:
		return dst, fmt.Errorf("remoting: properties of %d bytes do not fit in a stored message (32767)", len(properties))
	case len(m.Topic) > math.MaxInt8:
		return dst, fmt.Errorf("remoting: topic of %d bytes does not fit in a stored message (127)", len(m.Topic))
	}

	sysFlag := m.SysFlag &^ (FlagBornHostV6 | FlagStoreHostV6)
	if isV6(m.BornHost) {
		sysFlag |= FlagBornHostV6
	}
	if isV6(m.StoreHost) {
		sysFlag |= FlagStoreHostV6
	}

	be, start := binary.BigEndian, len(dst)
	dst = be.AppendUint32(dst, 0)
	dst = be.AppendUint32(dst, magicV1)
	dst = be.AppendUint32(dst, crc32.ChecksumIEEE(m.Body)&math.MaxInt32)
	dst = be.AppendUint32(dst, uint32(m.QueueID))
	dst = be.AppendUint32(dst, uint32(m.Flag))
	dst = be.AppendUint64(dst, uint64(m.QueueOffset))
	dst = be.AppendUint64(dst, uint64(m.CommitLogOffset))
	dst = be.AppendUint32(dst, uint32(sysFlag))
	dst = be.AppendUint64(dst, uint64(m.BornTimestamp))
	dst = appendHost(dst, m.BornHost)
	dst = be.AppendUint64(dst, uint64(m.StoreTimestamp))
	dst = appendHost(dst, m.StoreHost)
	dst = be.AppendUint32(dst, uint32(m.ReconsumeTimes))
	dst = be.AppendUint64(dst, uint64(m.PreparedOffset))
	dst = be.AppendUint32(dst, uint32(len(m.Body)))
	dst = append(dst, m.Body...)
	dst = append(dst, byte(len(m.Topic)))
	dst = append(dst, m.Topic...)
	dst = be.AppendUint16(dst, uint16(len(properties)))
	dst = append(dst, properties...)
	be.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst, nil
}

// DecodeMessages reads the concatenated stored messages of a body. Bodies alias b.
func DecodeMessages(b []byte) ([]*Message, error) {
	var messages []*Message
	for len(b) > 0 {
		if len(b) < fixedBeforeHosts {
			return nil, ErrMessageTruncated
		}
		size := int64(int32(binary.BigEndian.Uint32(b)))
		if size < fixedBeforeHosts || size > int64(len(b)) {
			return nil, fmt.Errorf("%w: size %d of %d bytes", ErrMessageTruncated, size, len(b))
		}
		m, err := decodeMessage(b[:size])
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
		b = b[size:]
	}
	return messages, nil
}

func decodeMessage(b []byte) (*Message, error) {
	be := binary.BigEndian
	magic := be.Uint32(b[4:])
	if magic != magicV1 && magic != magicV2 {
		return nil, fmt.Errorf("remoting: stored message has magic %#x", magic)
	}
	m := &Message{
		BodyCRC:         be.Uint32(b[8:]),
		QueueID:         int(int32(be.Uint32(b[12:]))),
		Flag:            int32(be.Uint32(b[16:])),
		QueueOffset:     int64(be.Uint64(b[20:])),
		CommitLogOffset: int64(be.Uint64(b[28:])),
		SysFlag:         int(int32(be.Uint32(b[36:]))),
		BornTimestamp:   int64(be.Uint64(b[40:])),
	}
	bornV6, storeV6 := m.SysFlag&FlagBornHostV6 != 0, m.SysFlag&FlagStoreHostV6 != 0
	b = b[fixedBeforeHosts:]
	if len(b) < hostSize(bornV6)+8+hostSize(storeV6)+4+8 {
		return nil, ErrMessageTruncated
	}
	m.BornHost, b = takeHost(b, bornV6)
	m.StoreTimestamp, b = int64(be.Uint64(b)), b[8:]
	m.StoreHost, b = takeHost(b, storeV6)
	m.ReconsumeTimes = int(int32(be.Uint32(b)))
	m.PreparedOffset = int64(be.Uint64(b[4:]))
	return m, m.decodeVariable(b[12:], magic)
}

func (m *Message) decodeVariable(b []byte, magic uint32) error {
	body, b, err := takeSized32(b)
	if err != nil {
		return ErrMessageTruncated
	}
	var topic []byte
	if magic == magicV2 {
		topic, b, err = takeSized16(b)
	} else if len(b) == 0 {
		err = ErrMessageTruncated
	} else {
		topic, b, err = take(b[1:], int64(b[0]))
	}
	if err != nil {
		return ErrMessageTruncated
	}
	properties, _, err := takeSized16(b)
	if err != nil {
		return ErrMessageTruncated
	}
	m.Body, m.Topic, m.Properties = body, string(topic), DecodeProperties(string(properties))
	return nil
}

func isV6(host netip.AddrPort) bool { return host.Addr().Is6() && !host.Addr().Is4In6() }

func hostSize(v6 bool) int {
	if v6 {
		return 16 + 4
	}
	return 4 + 4
}

func appendHost(dst []byte, host netip.AddrPort) []byte {
	address := host.Addr().Unmap()
	if !address.IsValid() {
		address = netip.IPv4Unspecified()
	}
	dst = append(dst, address.AsSlice()...)
	return binary.BigEndian.AppendUint32(dst, uint32(host.Port()))
}

func takeHost(b []byte, v6 bool) (netip.AddrPort, []byte) {
	n := hostSize(v6) - 4
	address, _ := netip.AddrFromSlice(b[:n])
	return netip.AddrPortFrom(address, uint16(binary.BigEndian.Uint32(b[n:]))), b[n+4:]
}
