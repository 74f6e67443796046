package remoting

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// What RocketMQ 5.4.0's own RemotingCommand encodes: one signed request, in each of the
// serialisations.
const (
	javaJSONFrame   = "AAAA/gAAAPJ7ImNvZGUiOjEwNSwiZXh0RmllbGRzIjp7InF1ZXVlSWQiOiIzIiwiX1VOSVFVRV9LRVlfUVVFUlkiOiJ0cnVlIiwiYiI6IsOpdMOpIiwiU2lnbmF0dXJlIjoiRHR2dFRUT2hFQTJCYlhwMkpyQkM2Sm9zcDNvPSIsInRvcGljIjoib3JkZXJzIiwiQWNjZXNzS2V5IjoiYWxpY2UifSwiZmxhZyI6MCwibGFuZ3VhZ2UiOiJKQVZBIiwib3BhcXVlIjo3LCJzZXJpYWxpemVUeXBlQ3VycmVudFJQQyI6IkpTT04iLCJ2ZXJzaW9uIjowfWJvZHkg4pyT"
	javaBinaryFrame = "AAAApgEAAJoAaQAAAAAAAAcAAAAAAAAAAAAAAIUAB3F1ZXVlSWQAAAABMwARX1VOSVFVRV9LRVlfUVVFUlkAAAAEdHJ1ZQABYgAAAAXDqXTDqQAJU2lnbmF0dXJlAAAAHER0dnRUVE9oRUEyQmJYcDJKckJDNkpvc3Azbz0ABXRvcGljAAAABm9yZGVycwAJQWNjZXNzS2V5AAAABWFsaWNlYm9keSDinJM="
)

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(s)
	require.NoError(t, err)
	return b
}

func frameOf(t testing.TB, c *Command) []byte {
	t.Helper()
	frame, err := c.AppendFrame(nil)
	require.NoError(t, err)
	return frame
}

func TestReadFrameReadsWhatJavaWrites(t *testing.T) {
	t.Parallel()
	for name, encoded := range map[string]string{"JSON": javaJSONFrame, "ROCKETMQ": javaBinaryFrame} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := ReadFrame(bytes.NewReader(unbase64(t, encoded)), 0)
			require.NoError(t, err)
			require.Equal(t, &Command{
				Code: GetRouteInfoByTopic, Language: LanguageJava, Opaque: 7, Binary: name == "ROCKETMQ",
				Ext: map[string]string{
					"topic": "orders", "queueId": "3", "_UNIQUE_KEY_QUERY": "true", "b": "été",
					"AccessKey": "alice", "Signature": "DtvtTTOhEA2BbXp2JrBC6Josp3o=",
				},
				Body: []byte("body ✓"),
			}, c)
		})
	}
}

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	fields := map[string]string{"topic": "orders", "empty": "", "i": "KEYS\x01o-1\x02TAGS\x01paid\x02", "q": `"<&>\`}
	for name, c := range map[string]*Command{
		"request":       {Code: SendMessageV2, Language: LanguageGo, Version: protocolVersion, Opaque: 1, Ext: fields, Body: []byte("body")},
		"response":      {Code: FlushDiskTimeout, Flag: flagResponse, Opaque: math.MaxInt32, Remark: "flush ✓ \x01", Ext: fields, Body: []byte{0, 0xFF}},
		"negative":      {Code: -1, Opaque: math.MinInt32, Flag: math.MinInt32, Ext: map[string]string{}, Body: []byte{}},
		"bare":          {Ext: map[string]string{}, Body: []byte{}},
		"big":           {Code: math.MaxInt16, Version: math.MaxUint16, Remark: strings.Repeat("r", 70_000), Ext: map[string]string{strings.Repeat("k", math.MaxInt16): strings.Repeat("v", 70_000)}, Body: make([]byte, 1<<20)},
		"other tongues": {Language: LanguageOther, Ext: map[string]string{"名": "値"}, Body: []byte{}},
	} {
		for _, binary := range []bool{false, true} {
			sent := *c
			sent.Binary = binary
			got, err := ReadFrame(bytes.NewReader(frameOf(t, &sent)), 0)
			require.NoError(t, err, "%s, binary %t", name, binary)
			require.Equal(t, &sent, got, "%s, binary %t", name, binary)
		}
	}
}

func TestReadFrameTakesOneFrameAtATime(t *testing.T) {
	t.Parallel()
	var stream []byte
	for _, c := range []*Command{{Code: 1}, {Code: 2, Binary: true, Body: []byte("b")}, {Code: 3}} {
		stream = append(stream, frameOf(t, c)...)
	}
	r := iotest.OneByteReader(bytes.NewReader(stream))
	for code := 1; code <= 3; code++ {
		c, err := ReadFrame(r, 0)
		require.NoError(t, err)
		require.Equal(t, code, c.Code)
	}
	_, err := ReadFrame(r, 0)
	require.Equal(t, io.EOF, err)
}

func TestReadFrameSaysWhereTheStreamEnded(t *testing.T) {
	t.Parallel()
	frame := frameOf(t, NewRequest(GetBrokerConfig, nil, []byte("body")))
	for n := 1; n < len(frame); n++ {
		_, err := ReadFrame(bytes.NewReader(frame[:n]), 0)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d of %d bytes", n, len(frame))
	}
}

func TestReadFrameLimit(t *testing.T) {
	t.Parallel()
	frame := frameOf(t, NewRequest(GetBrokerConfig, nil, make([]byte, 1000)))
	_, err := ReadFrame(bytes.NewReader(frame), len(frame)-4)
	require.NoError(t, err, "exactly the limit")
	_, err = ReadFrame(bytes.NewReader(frame), len(frame)-5)
	require.ErrorIs(t, err, ErrFrameTooLarge)

	for _, length := range []uint32{DefaultFrameLimit + 1, math.MaxInt32, math.MaxUint32} {
		_, err = ReadFrame(bytes.NewReader(binary.BigEndian.AppendUint32(nil, length)), 0)
		require.ErrorIs(t, err, ErrFrameTooLarge)
	}
}

func TestReadFrameRefusesHostileHeaders(t *testing.T) {
	t.Parallel()
	frame := func(body ...byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
	}
	for name, test := range map[string]struct {
		frame []byte
		says  string
	}{
		"no header length":      {frame(0, 0, 0), "no header length"},
		"empty":                 {frame(), "no header length"},
		"header past the end":   {frame(0, 0, 0, 1), "header of 1 bytes in a frame of 4"},
		"longest header":        {frame(0, 0xFF, 0xFF, 0xFF, '{', '}'), "header of 16777215 bytes"},
		"unknown serialisation": {frame(2, 0, 0, 0), "serialisation 2"},
		"no JSON":               {frame(0, 0, 0, 1, '{'), "decode JSON header"},
		"no ROCKETMQ":           {frame(1, 0, 0, 1, 0), "truncated"},
	} {
		_, err := ReadFrame(bytes.NewReader(test.frame), 0)
		require.ErrorContains(t, err, test.says, name)
	}
}

func TestAppendFrameRefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	prefix := []byte("kept")
	for name, c := range map[string]*Command{
		"code over int16":               {Binary: true, Code: math.MaxInt16 + 1},
		"code under int16":              {Binary: true, Code: math.MinInt16 - 1},
		"long field name":               {Binary: true, Ext: map[string]string{strings.Repeat("k", math.MaxInt16+1): ""}},
		"header over 24 bits, ROCKETMQ": {Binary: true, Remark: strings.Repeat("r", 1<<24)},
		"header over 24 bits, JSON":     {Remark: strings.Repeat("r", 1<<24)},
	} {
		dst, err := c.AppendFrame(prefix)
		require.Error(t, err, name)
		require.Equal(t, prefix, dst, name)
	}
}

func TestResponsePairsWithItsRequest(t *testing.T) {
	t.Parallel()
	for _, binary := range []bool{false, true} {
		request := NewRequest(PullMessage, TopicHeader{"orders"}, nil)
		request.Opaque, request.Binary = 42, binary
		require.False(t, request.IsResponse())
		require.False(t, request.IsOneWay())

		response := request.NewResponse(PullNotFound, "none")
		require.True(t, response.IsResponse())
		require.False(t, response.IsOneWay())
		require.Equal(t, int32(42), response.Opaque)
		require.False(t, response.Binary)
	}
	request := NewRequest(PullMessage, nil, nil)
	request.SetOneWay()
	require.True(t, request.IsOneWay())
	require.False(t, request.IsResponse())
	require.False(t, request.NewResponse(0, "").IsOneWay())
}

func TestBinaryHeaderEdges(t *testing.T) {
	t.Parallel()
	whole := frameOf(t, &Command{Binary: true, Remark: "r", Ext: map[string]string{"k": "v"}})[8:]
	for n := range len(whole) {
		_, err := decodeBinaryHeader(whole[:n])
		require.ErrorIs(t, err, errHeaderTruncated, "%d of %d bytes", n, len(whole))
	}

	fixed := make([]byte, binaryFixedLength)
	for name, tail := range map[string][]byte{
		"negative remark":    {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0},
		"negative fields":    {0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF},
		"negative key":       {0, 0, 0, 0, 0, 0, 0, 6, 0xFF, 0xFF, 0, 0, 0, 0},
		"negative value":     {0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF},
		"value past its map": {0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 1, 'v'},
	} {
		_, err := decodeBinaryHeader(append(bytes.Clone(fixed), tail...))
		require.ErrorIs(t, err, errHeaderTruncated, name)
	}

	c, err := decodeBinaryHeader(append(bytes.Clone(whole), "what follows"...))
	require.NoError(t, err, "bytes after the fields are passed over")
	require.Equal(t, map[string]string{"k": "v"}, c.Ext)
}

func TestLanguages(t *testing.T) {
	t.Parallel()
	require.Equal(t, "GO", LanguageGo.String())
	require.Equal(t, "OTHER", Language(200).String())
	var l Language
	for text, want := range map[string]Language{`"JAVA"`: LanguageJava, `"GO"`: LanguageGo, `"COBOL"`: LanguageOther, `7`: LanguageOther} {
		require.NoError(t, l.UnmarshalJSON([]byte(text)))
		require.Equal(t, want, l, text)
	}
}

// The signature that AclClientRPCHook of RocketMQ 5.4.0 computes for the frames above.
func TestSignatureIsJavas(t *testing.T) {
	t.Parallel()
	c := NewRequest(GetRouteInfoByTopic, nil, []byte("body ✓"))
	c.Ext = map[string]string{"topic": "orders", "queueId": "3", "_UNIQUE_KEY_QUERY": "true", "b": "été"}
	unsigned := maps.Clone(c.Ext)

	c.Sign("alice", "s3cret")
	require.Equal(t, "DtvtTTOhEA2BbXp2JrBC6Josp3o=", c.Ext["Signature"])
	require.Equal(t, "alice", c.AccessKey())
	require.True(t, c.VerifySignature("s3cret"))

	c.Sign("alice", "s3cret")
	require.True(t, c.VerifySignature("s3cret"), "an old signature is not signed")

	for name, change := range map[string]func(){
		"value":      func() { c.Ext["topic"] = "bills" },
		"access key": func() { c.Ext["AccessKey"] = "bob" },
		"new field":  func() { c.Ext["zzz"] = "1" },
		"body":       func() { c.Body = []byte("body") },
		"no field":   func() { delete(c.Ext, "b") },
		"signature":  func() { delete(c.Ext, "Signature") },
	} {
		c.Ext, c.Body = maps.Clone(unsigned), []byte("body ✓")
		c.Sign("alice", "s3cret")
		change()
		require.False(t, c.VerifySignature("s3cret"), name)
	}
	require.False(t, c.VerifySignature("other"))
	require.NotPanics(t, func() { (&Command{}).Sign("alice", "s3cret") })
}
