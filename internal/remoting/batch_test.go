package remoting

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBatchReadsWhatJavaWrites(t *testing.T) {
	t.Parallel()
	batch, err := DecodeBatch(unbase64(t, javaBatch))
	require.NoError(t, err)
	require.Equal(t, []BatchMessage{
		{Flag: 5, Body: []byte("first"), Properties: "KEYS\x01o-1\x02WAIT\x01true\x02TAGS\x01paid\x02"},
		{Body: []byte{}, Properties: "WAIT\x01true\x02"},
	}, batch)

	var again []byte
	for _, m := range batch {
		again, err = AppendBatch(again, m)
		require.NoError(t, err)
	}
	require.Equal(t, unbase64(t, javaBatch), again)
}

func TestBatchEdges(t *testing.T) {
	t.Parallel()
	batch, err := DecodeBatch(nil)
	require.NoError(t, err)
	require.Empty(t, batch)

	_, err = AppendBatch(nil, BatchMessage{Properties: strings.Repeat("p", math.MaxInt16)})
	require.NoError(t, err)
	_, err = AppendBatch(nil, BatchMessage{Properties: strings.Repeat("p", math.MaxInt16+1)})
	require.ErrorContains(t, err, "properties of 32768 bytes")

	whole, err := AppendBatch(nil, BatchMessage{Body: []byte("body"), Properties: "k\x01v\x02"})
	require.NoError(t, err)
	for n := 1; n < len(whole); n++ {
		_, err := DecodeBatch(whole[:n])
		require.ErrorIs(t, err, ErrMessageTruncated)
		if n >= 4 {
			short := bytes.Clone(whole[:n])
			binary.BigEndian.PutUint32(short, uint32(n))
			_, err = DecodeBatch(short)
			require.ErrorIs(t, err, ErrMessageTruncated)
		}
	}
	for _, at := range []int{0, 16} {
		b := bytes.Clone(whole)
		binary.BigEndian.PutUint32(b[at:], math.MaxUint32)
		_, err := DecodeBatch(b)
		require.ErrorIs(t, err, ErrMessageTruncated, "negative length at %d", at)
	}
}

func TestProperties(t *testing.T) {
	t.Parallel()
	p := map[string]string{"KEYS": "o-1 o-2", "TAGS": "paid", "é": "✓"}
	require.Equal(t, "KEYS\x01o-1 o-2\x02TAGS\x01paid\x02é\x01✓\x02", EncodeProperties(p))
	require.Equal(t, p, DecodeProperties(EncodeProperties(p)))
	require.Equal(t, "", EncodeProperties(nil))
	require.Equal(t, map[string]string{}, DecodeProperties(""))

	for text, want := range map[string]map[string]string{
		"a\x01b":                {"a": "b"},
		"a\x01b\x02c\x01d":      {"a": "b", "c": "d"},
		"a\x01b\x01c\x02":       {"a": "b\x01c"},
		"a\x02b\x01c\x02":       {"b": "c"},
		"\x01v\x02\x02\x01\x02": {},
		"a\x01b\x02a\x01c\x02":  {"a": "c"},
		"a\x01\x02b\x01c\x02":   {"b": "c"},
	} {
		require.Equal(t, want, DecodeProperties(text), "%q", text)
	}
}

func TestBatchMessageFromItsParts(t *testing.T) {
	t.Parallel()
	properties := map[string]string{"KEYS": "o-1", "TAGS": "paid", "é": "✓"}
	batch := AppendBatchMessage([]byte("before"), 7, []byte("body"), properties)
	batch = AppendBatchMessage(batch, 0, []byte("x"), nil)
	decoded, err := DecodeBatch(batch[len("before"):])
	require.NoError(t, err)
	require.Len(t, decoded, 2)
	require.Equal(t, properties, DecodeProperties(decoded[0].Properties))
	decoded[0].Properties = ""
	require.Equal(t, []BatchMessage{{Flag: 7, Body: []byte("body")}, {Body: []byte("x")}}, decoded)
}
