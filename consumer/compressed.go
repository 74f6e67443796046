package consumer

import (
	"fmt"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// Compression is how a producer compressed a body.
type Compression string

// What newer Java producers use and the official client hands over as it came, without a word.
// Bodies compressed with ZLIB it decompresses.
const (
	LZ4  Compression = "LZ4"  // the LZ4 frame format
	ZSTD Compression = "ZSTD" // Zstandard frames
)

// A Decompressor returns what body was before it was compressed, in memory of its own. An
// error, or a panic, holds the message.
type Decompressor func(kind Compression, body []byte) ([]byte, error)

// WithDecompressor lets f decompress bodies that the official client cannot. The default is
// none: such messages are held, and logged, until the process is replaced by one that can;
// the handler never sees them as they are. examples/decompress has one for both kinds.
func WithDecompressor(f Decompressor) HandlingOption { return func(s *settings) { s.decompress = f } }

// Bits of a message's SysFlag.
const (
	compressed      = 0x1
	compressionMask = 0x7 << 8
	compressionLZ4  = 0x1 << 8
	compressionZSTD = 0x2 << 8
	compressionZLIB = 0x3 << 8 // or no bit at all, from older producers
)

// compressionOf returns how the body still is compressed, "" if it is not.
func compressionOf(sysFlag int32) Compression {
	if sysFlag&compressed == 0 {
		return ""
	}
	switch kind := sysFlag & compressionMask; kind {
	case 0, compressionZLIB:
		return ""
	case compressionLZ4:
		return LZ4
	case compressionZSTD:
		return ZSTD
	default:
		return Compression(fmt.Sprintf("type %d", kind>>8))
	}
}

// readable returns msg as a handler can read it: msg itself, or a copy with its body
// decompressed. The original is left alone, because the official client counts its bytes. The
// error is a verdict.
func readable(msg *primitive.MessageExt, decompress Decompressor) (*primitive.MessageExt, error) {
	kind := compressionOf(msg.SysFlag)
	if kind == "" {
		return msg, nil
	}
	body, err := decompressed(kind, msg.Body, decompress)
	if err != nil {
		return nil, holdfast.Hold(maxInMemory, err)
	}
	plain := cloned(msg)
	plain.Body = body
	plain.SysFlag &^= compressed | compressionMask
	return plain, nil
}

func decompressed(kind Compression, body []byte, decompress Decompressor) (plain []byte, err error) {
	if decompress == nil {
		return nil, fmt.Errorf("consumer: body is compressed with %s, which the official client cannot read: give WithDecompressor", kind)
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("consumer: body is compressed with %s: the decompressor panics: %v", kind, v)
		}
	}()
	plain, err = decompress(kind, body)
	if err != nil {
		err = fmt.Errorf("consumer: body is compressed with %s: decompress: %w", kind, err)
	}
	return plain, err
}

// cloned returns a message of its own with the same body.
func cloned(msg *primitive.MessageExt) *primitive.MessageExt {
	c := &primitive.MessageExt{
		MsgId: msg.MsgId, OffsetMsgId: msg.OffsetMsgId, StoreSize: msg.StoreSize, QueueOffset: msg.QueueOffset,
		SysFlag: msg.SysFlag, BornTimestamp: msg.BornTimestamp, BornHost: msg.BornHost, StoreTimestamp: msg.StoreTimestamp,
		StoreHost: msg.StoreHost, CommitLogOffset: msg.CommitLogOffset, BodyCRC: msg.BodyCRC, ReconsumeTimes: msg.ReconsumeTimes,
		PreparedTransactionOffset: msg.PreparedTransactionOffset,
	}
	c.Topic, c.Body, c.CompressedBody, c.Flag = msg.Topic, msg.Body, msg.CompressedBody, msg.Flag
	c.TransactionId, c.Batch, c.Compress, c.Queue = msg.TransactionId, msg.Batch, msg.Compress, msg.Queue
	c.WithProperties(msg.GetProperties()) // a copy of the map
	return c
}
