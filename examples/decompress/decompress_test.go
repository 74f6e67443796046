package decompress_test

import (
	"bytes"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/consumer"
	"github.com/holdfast-mq/holdfast/examples/decompress"
)

func TestBodiesAreWhatTheyWere(t *testing.T) {
	t.Parallel()
	plain := bytes.Repeat([]byte("order "), 1000)
	writer, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	body, err := decompress.Body(consumer.ZSTD, writer.EncodeAll(plain, nil))
	require.NoError(t, err)
	require.Equal(t, plain, body)

	var frame bytes.Buffer
	to := lz4.NewWriter(&frame)
	_, err = to.Write(plain)
	require.NoError(t, err)
	require.NoError(t, to.Close())
	body, err = decompress.Body(consumer.LZ4, frame.Bytes())
	require.NoError(t, err)
	require.Equal(t, plain, body)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	t.Parallel()
	for _, kind := range []consumer.Compression{consumer.ZSTD, consumer.LZ4, "SNAPPY"} {
		_, err := decompress.Body(kind, []byte("not compressed"))
		require.Error(t, err, kind)
	}
}
