// Package decompress reads bodies that newer Java producers compress with ZSTD or LZ4 and the
// official Go client hands over as they came. Give Body to the consumer:
//
//	consumer.New(cluster, "billing", consumer.WithDecompressor(decompress.Body))
package decompress

import (
	"bytes"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"github.com/holdfast-mq/holdfast/consumer"
)

// maxBody bounds what a body may become: what producers may send, 4 MiB by default, compresses
// well, and a message must not fill the memory.
const maxBody = 64 << 20

var frames, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxBody))

// Body returns what body was before it was compressed.
func Body(kind consumer.Compression, body []byte) ([]byte, error) {
	switch kind {
	case consumer.ZSTD:
		return frames.DecodeAll(body, nil)
	case consumer.LZ4:
		plain, err := io.ReadAll(io.LimitReader(lz4.NewReader(bytes.NewReader(body)), maxBody+1))
		if err == nil && len(plain) > maxBody {
			err = fmt.Errorf("the body is over %d bytes", maxBody)
		}
		return plain, err
	default:
		return nil, fmt.Errorf("%s is not known here", kind)
	}
}
