package consumer

import (
	"context"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

// BenchmarkGuard is what Guard adds to the call of a handler that does nothing.
func BenchmarkGuard(b *testing.B) {
	e := guard(b, func(context.Context, *primitive.MessageExt) error { return nil })
	ctx := concurrent()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		msg := pulled(int64(b.N))
		for pb.Next() {
			msg.QueueOffset++
			if _, err := e.listen(ctx, msg); err != nil {
				b.Error(err)
			}
		}
	})
}

// The hot path stays cheap: a handling, a context, and the work under it.
func TestAMessageCostsFewAllocations(t *testing.T) {
	e := guard(t, func(context.Context, *primitive.MessageExt) error { return nil })
	ctx, msg := concurrent(), pulled(7)
	msgs := []*primitive.MessageExt{msg}
	allocations := testing.AllocsPerRun(1000, func() {
		if _, err := e.listen(ctx, msgs...); err != nil {
			t.Error(err)
		}
	})
	require.LessOrEqual(t, allocations, 3.0)
}
