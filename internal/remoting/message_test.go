package remoting

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What MessageDecoder of RocketMQ 5.4.0 encodes.
const (
	javaMessageV4   = "AAAAvdqjIKdpG1QbAAAAAwAAAAcAAAAAAAAAKQAAABy+mRoUAAAAAAAAAYvP5Wh7CgECAwAAw8sAAAGLz+VpyAoBAgMAACqfAAAAAgAAAAAAAABjAAAAG29yZGVycyBvcmRlcnMgb3JkZXJzIG9yZGVycwZvcmRlcnMAQUtFWVMBby0xIG8tMgJVTklRX0tFWQE3RjAwMDAwMTAwMDFBQkNERUYwMTIzNDU2Nzg5QUJDRAJUQUdTAXBhaWQC"
	javaMessageV6   = "AAAA1dqjIKdpG1QbAAAAAwAAAAcAAAAAAAAAKQAAABy+mRoUAAAAMAAAAYvP5Wh7IAENuAAAAAAAAAAAAAAAAQAAw8sAAAGLz+VpyCABDbgAAAAAAAAAAAAAAAEAACqfAAAAAgAAAAAAAABjAAAAG29yZGVycyBvcmRlcnMgb3JkZXJzIG9yZGVycwZvcmRlcnMAQUtFWVMBby0xIG8tMgJVTklRX0tFWQE3RjAwMDAwMTAwMDFBQkNERUYwMTIzNDU2Nzg5QUJDRAJUQUdTAXBhaWQC"
	javaMessageZlib = "AAAAtNqjIKdpG1QbAAAAAwAAAAcAAAAAAAAAKQAAABy+mRoUAAAAAQAAAYvP5Wh7CgECAwAAw8sAAAGLz+VpyAoBAgMAACqfAAAAAgAAAAAAAABjAAAAEnheyy9KSS0qVsjHQgEAlHkKnQZvcmRlcnMAQUtFWVMBby0xIG8tMgJVTklRX0tFWQE3RjAwMDAwMTAwMDFBQkNERUYwMTIzNDU2Nzg5QUJDRAJUQUdTAXBhaWQC"
	javaBatch       = "AAAAOAAAAAAAAAAAAAAABQAAAAVmaXJzdAAdS0VZUwFvLTECV0FJVAF0cnVlAlRBR1MBcGFpZAIAAAAgAAAAAAAAAAAAAAAAAAAAAAAKV0FJVAF0cnVlAg=="
)

const ordersBody = "orders orders orders orders"

func orderMessage(host string) *Message {
	return &Message{
		Topic: "orders", QueueID: 3, QueueOffset: 41, CommitLogOffset: 123456789012, Flag: 7,
		BornTimestamp: 1700000000123, BornHost: netip.AddrPortFrom(netip.MustParseAddr(host), 50123),
		StoreTimestamp: 1700000000456, StoreHost: netip.AddrPortFrom(netip.MustParseAddr(host), 10911),
		ReconsumeTimes: 2, PreparedOffset: 99,
		BodyCRC: crc32.ChecksumIEEE([]byte(ordersBody)) & math.MaxInt32, Body: []byte(ordersBody),
		Properties: map[string]string{"UNIQ_KEY": "7F0000010001ABCDEF0123456789ABCD", "KEYS": "o-1 o-2", "TAGS": "paid"},
	}
}

func decodeOne(t testing.TB, b []byte) *Message {
	t.Helper()
	messages, err := DecodeMessages(b)
	require.NoError(t, err)
	require.Len(t, messages, 1)
	return messages[0]
}

func stored(t testing.TB, m *Message) []byte {
	t.Helper()
	b, err := m.Append(nil)
	require.NoError(t, err)
	return b
}

func TestDecodeMessagesReadsWhatJavaWrites(t *testing.T) {
	t.Parallel()
	v6 := orderMessage("2001:db8::1")
	v6.SysFlag = FlagBornHostV6 | FlagStoreHostV6
	require.Equal(t, orderMessage("10.1.2.3"), decodeOne(t, unbase64(t, javaMessageV4)))
	require.Equal(t, v6, decodeOne(t, unbase64(t, javaMessageV6)))

	compressed := decodeOne(t, unbase64(t, javaMessageZlib))
	require.Equal(t, Zlib, compressed.Compression())
	payload, err := compressed.Payload()
	require.NoError(t, err)
	require.Equal(t, ordersBody, string(payload))
	require.Equal(t, "7F0000010001ABCDEF0123456789ABCD", compressed.UniqueKey())
}

func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Message){
		"as it is":      func(*Message) {},
		"no body":       func(m *Message) { m.Body = []byte{} },
		"no properties": func(m *Message) { m.Properties = map[string]string{} },
		"longest topic": func(m *Message) { m.Topic = strings.Repeat("t", math.MaxInt8) },
		"numbers": func(m *Message) {
			m.QueueID, m.QueueOffset, m.CommitLogOffset, m.Flag, m.ReconsumeTimes = -1, math.MaxInt64, math.MinInt64, math.MinInt32, math.MaxInt32
		},
		"born over IPv6": func(m *Message) { m.BornHost = netip.MustParseAddrPort("[fe80::1]:1"); m.SysFlag = FlagBornHostV6 },
		"kept on IPv6":   func(m *Message) { m.StoreHost = netip.MustParseAddrPort("[fe80::1]:1"); m.SysFlag = FlagStoreHostV6 },
		"other flags":    func(m *Message) { m.SysFlag = FlagCompressed | FlagCommitted | FlagMultiTags },
	} {
		m := orderMessage("10.1.2.3")
		change(m)
		m.BodyCRC = crc32.ChecksumIEEE(m.Body) & math.MaxInt32
		require.Equal(t, m, decodeOne(t, stored(t, m)), name)
	}
}

func TestAppendMakesTheFlagsFollowTheHosts(t *testing.T) {
	t.Parallel()
	m := orderMessage("10.1.2.3")
	m.SysFlag = FlagBornHostV6 | FlagStoreHostV6
	m.BornHost = netip.AddrPort{}
	m.StoreHost = netip.MustParseAddrPort("[::ffff:10.1.2.3]:10911")
	got := decodeOne(t, stored(t, m))
	require.Zero(t, got.SysFlag)
	require.Equal(t, netip.MustParseAddrPort("0.0.0.0:0"), got.BornHost, "no host is 0.0.0.0")
	require.Equal(t, netip.MustParseAddrPort("10.1.2.3:10911"), got.StoreHost, "IPv4 in IPv6 is IPv4")
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	prefix := []byte("kept")
	m := orderMessage("10.1.2.3")
	m.Topic = strings.Repeat("t", math.MaxInt8+1)
	dst, err := m.Append(prefix)
	require.ErrorContains(t, err, "topic of 128 bytes")
	require.Equal(t, prefix, dst)

	m = orderMessage("10.1.2.3")
	m.Properties = map[string]string{"a": strings.Repeat("v", math.MaxInt16)}
	dst, err = m.Append(prefix)
	require.ErrorContains(t, err, "properties of 32770 bytes")
	require.Equal(t, prefix, dst)
}

// Version 2 differs in its magic and has two bytes for the topic's length.
func TestDecodeMessagesReadsVersion2(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{"orders", strings.Repeat("long", 200)} {
		m := orderMessage("10.1.2.3")
		m.Topic = "t"
		v1 := stored(t, m)
		at := bytes.Index(v1, []byte(ordersBody)) + len(ordersBody) // the length of the topic

		v2 := bytes.Clone(v1[:at])
		v2 = binary.BigEndian.AppendUint16(v2, uint16(len(topic)))
		v2 = append(v2, topic...)
		v2 = append(v2, v1[at+2:]...)
		binary.BigEndian.PutUint32(v2, uint32(len(v2)))
		binary.BigEndian.PutUint32(v2[4:], magicV2)

		want := orderMessage("10.1.2.3")
		want.Topic = topic
		require.Equal(t, want, decodeOne(t, v2))
	}
}

func TestDecodeMessagesReadsManyAndNone(t *testing.T) {
	t.Parallel()
	messages, err := DecodeMessages(nil)
	require.NoError(t, err)
	require.Empty(t, messages)

	var body []byte
	for i := range 5 {
		m := orderMessage([]string{"10.1.2.3", "2001:db8::1"}[i%2])
		m.QueueOffset = int64(i)
		body = append(body, stored(t, m)...)
	}
	messages, err = DecodeMessages(body)
	require.NoError(t, err)
	require.Len(t, messages, 5)
	for i, m := range messages {
		require.EqualValues(t, i, m.QueueOffset)
	}
}

func TestDecodeMessagesRefusesWhatIsBroken(t *testing.T) {
	t.Parallel()
	whole := unbase64(t, javaMessageV6)
	for n := 1; n < len(whole); n++ {
		_, err := DecodeMessages(whole[:n])
		require.ErrorIs(t, err, ErrMessageTruncated, "%d of %d bytes", n, len(whole))

		short := bytes.Clone(whole[:n]) // of a size that says so
		if n >= 4 {
			binary.BigEndian.PutUint32(short, uint32(n))
			_, err = DecodeMessages(short)
			require.ErrorIs(t, err, ErrMessageTruncated, "size %d of %d bytes", n, len(whole))
		}
	}
	for _, size := range []uint32{0, 4, 0x80000000, math.MaxUint32, uint32(len(whole)) + 1} {
		b := bytes.Clone(whole)
		binary.BigEndian.PutUint32(b, size)
		_, err := DecodeMessages(b)
		require.ErrorIs(t, err, ErrMessageTruncated, "size %d", size)
	}
	b := bytes.Clone(whole)
	b[7]++
	_, err := DecodeMessages(b)
	require.ErrorContains(t, err, "magic 0xdaa320a8")
}

func TestPayload(t *testing.T) {
	t.Parallel()
	m := &Message{SysFlag: FlagCompressed | int(Zlib)<<flagCompressionShift, Body: deflate(t, []byte(ordersBody))}
	payload, err := m.Payload()
	require.NoError(t, err)
	require.Equal(t, ordersBody, string(payload))

	m.Body = m.Body[:len(m.Body)-5]
	_, err = m.Payload()
	require.ErrorContains(t, err, "decompress body")
	m.Body = []byte("plain")
	_, err = m.Payload()
	require.ErrorContains(t, err, "decompress body")

	for _, c := range []Compression{LZ4, ZSTD} {
		m := &Message{SysFlag: FlagCompressed | int(c)<<flagCompressionShift, Body: []byte("x")}
		_, err := m.Payload()
		require.ErrorContains(t, err, "only zlib is known")
	}
	m = &Message{SysFlag: int(ZSTD) << flagCompressionShift, Body: []byte("plain")}
	payload, err = m.Payload()
	require.NoError(t, err, "a type without the flag means nothing")
	require.Equal(t, "plain", string(payload))
}

func TestInflateIsBounded(t *testing.T) {
	t.Parallel()
	payload, err := inflate(deflate(t, make([]byte, 1000)), 1000)
	require.NoError(t, err)
	require.Len(t, payload, 1000)
	_, err = inflate(deflate(t, make([]byte, 1001)), 1000)
	require.ErrorContains(t, err, "over 1000 bytes")
}

func deflate(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func TestOffsetMsgID(t *testing.T) {
	t.Parallel()
	for host, id := range map[string]string{ // by MessageDecoder.createMessageId
		"10.1.2.3":    "0A01020300002A9F0000001CBE991A14",
		"2001:db8::1": "20010DB800000000000000000000000100002A9F0000001CBE991A14",
	} {
		m := orderMessage(host)
		require.Equal(t, id, m.OffsetMsgID())
		for _, written := range []string{id, strings.ToLower(id)} {
			gotHost, offset, err := ParseOffsetMsgID(written)
			require.NoError(t, err)
			require.Equal(t, m.StoreHost, gotHost)
			require.EqualValues(t, 123456789012, offset)
		}
	}
	for _, id := range []string{"", "0A01020300002A9F0000001CBE991A", "0A01020300002A9F0000001CBE991A1G", "0A01020300002A9F0000001CBE991A1400", strings.Repeat("0", 57)} {
		_, _, err := ParseOffsetMsgID(id)
		require.ErrorContains(t, err, "is not an offset message id", id)
	}
}
