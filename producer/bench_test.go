package producer

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

// prompt is an official producer that answers at once: what remains is our own part.
type prompt struct{ rocketmq.Producer }

func (prompt) SendSync(_ context.Context, msgs ...*primitive.Message) (*primitive.SendResult, error) {
	return &primitive.SendResult{Status: primitive.SendOK, MessageQueue: msgs[0].Queue, OffsetMsgID: "7F00000100002A9F0000000000000001"}, nil
}

func BenchmarkOwnPartOfASend(b *testing.B) {
	for _, senders := range []int{1, 64} {
		b.Run(strconv.Itoa(senders), func(b *testing.B) {
			c := rmqtest.New(b)
			c.CreateTopic("orders", 4)
			p, err := New(c.Holdfast(), "shop", WithLogger(slog.New(slog.DiscardHandler)))
			require.NoError(b, err)
			p.officialProducer = prompt{p.officialProducer}
			require.NoError(b, p.Start())
			b.Cleanup(func() { _ = p.Shutdown() })
			body := make([]byte, 256)
			b.ReportAllocs()
			b.ResetTimer()
			var wg sync.WaitGroup
			for i := range senders {
				wg.Go(func() {
					for n := i; n < b.N; n += senders {
						if _, err := p.Send(context.Background(), primitive.NewMessage("orders", body)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}
