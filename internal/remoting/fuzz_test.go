package remoting

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"math"
	"net/netip"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fuzz targets do not run beside other tests of the process, so what is allocated while one
// reads its input is its own.

// allocated runs f and returns the bytes that were allocated meanwhile. The runtime counts
// late and in lumps, so it may be more than f's own.
func allocated(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	before := sample[0].Value.Uint64()
	f()
	metrics.Read(sample)
	return sample[0].Value.Uint64() - before
}

// modestly runs read, which reads n bytes of input, and fails if that takes more memory than a
// small multiple of them. It is read's own doing if it happens every time.
func modestly(t *testing.T, n int, read func()) {
	t.Helper()
	allowed, least := uint64(256<<10+64*n), uint64(math.MaxUint64)
	for range 5 {
		if least = min(least, allocated(read)); least <= allowed {
			return
		}
	}
	t.Fatalf("reading %d bytes allocated %d, more than %d", n, least, allowed)
}

// addFixtures adds the bodies of the fixtures that are wanted as seeds.
func addFixtures(f *testing.F, wanted func(fixture) bool) {
	for _, file := range fixtureFiles(f, "*") {
		if x := readFixture(f, file); wanted(x) {
			f.Add(x.body())
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(unbase64(f, javaJSONFrame))
	f.Add(unbase64(f, javaBinaryFrame))
	f.Add([]byte("\x7F\xFF\xFF\xFF"))
	f.Add([]byte("\x00\x00\x00\x06\x00\x00\x00\x02{}"))
	const limit = 64 << 10
	f.Fuzz(func(t *testing.T, b []byte) {
		var c *Command
		var err error
		modestly(t, limit, func() { c, err = ReadFrame(bytes.NewReader(b), limit) })
		if err != nil {
			return
		}
		frame, err := c.AppendFrame(nil)
		require.NoError(t, err)
		again, err := ReadFrame(bytes.NewReader(frame), 64*limit)
		require.NoError(t, err)
		require.Equal(t, c, again)
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(unbase64(f, javaBinaryFrame)[8:])
	for _, header := range headers() {
		for _, ext := range []map[string]string{EncodeHeader(header), EncodeShortHeader(header)} {
			b, err := (&Command{Ext: ext}).appendBinaryHeader(nil)
			require.NoError(f, err)
			f.Add(b)
		}
	}
	f.Add(bytes.Repeat([]byte{0xFF}, 30))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c *Command
		var err error
		modestly(t, len(b), func() { c, err = decodeBinaryHeader(b) })
		if err != nil {
			return
		}
		for _, header := range headers() {
			if DecodeHeader(c.Ext, header) != nil {
				continue
			}
			again := reflect.New(reflect.TypeOf(header).Elem()).Interface()
			require.NoError(t, DecodeHeader(EncodeHeader(header), again))
			require.Equal(t, header, again)
		}
	})
}

func FuzzMessages(f *testing.F) {
	for _, seed := range []string{javaMessageV4, javaMessageV6, javaMessageZlib} {
		f.Add(unbase64(f, seed))
	}
	f.Add(append(unbase64(f, javaMessageV4), unbase64(f, javaMessageV6)...))
	addFixtures(f, func(x fixture) bool { return x.Base64 != nil })
	f.Add(bytes.Repeat([]byte{0xFF}, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		var messages []*Message
		var err error
		modestly(t, len(b), func() { messages, err = DecodeMessages(b) })
		if err != nil {
			return
		}
		for _, m := range messages {
			host, offset, err := ParseOffsetMsgID(m.OffsetMsgID())
			require.NoError(t, err)
			require.Equal(t, unmapped(m.StoreHost), host)
			require.Equal(t, m.CommitLogOffset, offset)

			encoded, err := m.Append(nil)
			if err != nil {
				require.True(t, len(m.Topic) > math.MaxInt8 || len(EncodeProperties(m.Properties)) > math.MaxInt16, "%v", err)
				continue
			}
			require.Equal(t, normal(m), decodeOne(t, encoded))
		}
	})
}

// normal is what remains of m when it is written again.
func normal(m *Message) *Message {
	n := *m
	n.BodyCRC = crc32.ChecksumIEEE(m.Body) & math.MaxInt32
	n.BornHost, n.StoreHost = unmapped(m.BornHost), unmapped(m.StoreHost)
	n.SysFlag &^= FlagBornHostV6 | FlagStoreHostV6
	if n.BornHost.Addr().Is6() {
		n.SysFlag |= FlagBornHostV6
	}
	if n.StoreHost.Addr().Is6() {
		n.SysFlag |= FlagStoreHostV6
	}
	return &n
}

func unmapped(host netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(host.Addr().Unmap(), host.Port())
}

func FuzzPayload(f *testing.F) {
	f.Add(FlagCompressed, deflate(f, []byte(ordersBody)))
	f.Add(FlagCompressed, []byte("plain"))
	f.Add(0, []byte("plain"))
	f.Add(FlagCompressed|int(ZSTD)<<flagCompressionShift, []byte("plain"))
	f.Fuzz(func(t *testing.T, sysFlag int, body []byte) {
		payload, err := (&Message{SysFlag: sysFlag, Body: body}).Payload()
		if err == nil {
			require.LessOrEqual(t, len(payload), maxPayload)
		}
	})
}

func FuzzBatch(f *testing.F) {
	f.Add(unbase64(f, javaBatch))
	f.Add(bytes.Repeat([]byte{0xFF}, 50))
	f.Fuzz(func(t *testing.T, b []byte) {
		var batch []BatchMessage
		var err error
		modestly(t, len(b), func() { batch, err = DecodeBatch(b) })
		if err != nil {
			return
		}
		var encoded []byte
		for _, m := range batch {
			encoded, err = AppendBatch(encoded, m)
			require.NoError(t, err)
		}
		again, err := DecodeBatch(encoded)
		require.NoError(t, err)
		require.Equal(t, batch, again)
	})
}

func FuzzProperties(f *testing.F) {
	f.Add("KEYS\x01o-1\x02TAGS\x01paid\x02")
	f.Add(strings.Repeat("\x02", 1000))
	f.Add("\x01\x01\x02\x02")
	f.Fuzz(func(t *testing.T, s string) {
		var properties map[string]string
		modestly(t, len(s), func() { properties = DecodeProperties(s) })
		require.Equal(t, properties, DecodeProperties(EncodeProperties(properties)))
	})
}

func FuzzFastjson(f *testing.F) {
	f.Add([]byte(`{"brokerAddrs":{0:"10.0.0.1:10911",1:"ip:20911"},"brokerName":"broker-a"}`))
	f.Add([]byte(`{"offsetTable":{{"brokerName":"a","queueId":0,"topic":"T"}:{"maxOffset":10}},"topicPutTps":0.0}`))
	f.Add([]byte(`{{{"a":1}:2}:{[1]:null}}`))
	addFixtures(f, func(x fixture) bool { return strings.HasPrefix(x.Text, "{") })
	f.Add([]byte(`[[[[{"a\"\\":-1.5e+3}]],true]]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var strict []byte
		var err error
		modestly(t, len(b), func() { strict, err = StrictJSON(b) })

		if json.Valid(b) && nesting(b) <= maxJSONDepth {
			require.NoError(t, err)
			var compact bytes.Buffer
			require.NoError(t, json.Compact(&compact, b))
			require.Equal(t, compact.String(), string(strict), "what is strict already stays as it is")
		}
		if err != nil {
			return
		}
		again, err := StrictJSON(strict)
		require.NoError(t, err)
		require.Equal(t, string(strict), string(again))
		_ = json.Unmarshal(strict, new(TopicStats))
		_ = json.Unmarshal(strict, new(ClusterInfo))
	})
}

// nesting is no less than how deep the brackets of b are nested.
func nesting(b []byte) int {
	return bytes.Count(b, []byte{'{'}) + bytes.Count(b, []byte{'['})
}
