package rmqtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// BenchmarkSend is one message of 256 bytes for each operation, from eight senders on one
// connection, alone or in batches.
func BenchmarkSend(b *testing.B) {
	for _, size := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			c := rmqtest.New(b)
			c.CreateTopic("orders", 4)
			cl := client(b, c)
			address := c.Brokers()[0].Addr()
			request := func() *remoting.Command { return message("orders", strings.Repeat("x", 256), nil) }
			if size > 1 {
				body := batchBody(b, slicesOf(size, strings.Repeat("x", 256))...)
				request = func() *remoting.Command {
					header := sendHeader("orders", nil)
					header.Batch = true
					return &remoting.Command{Code: remoting.SendBatchMessage, Version: 401, Ext: remoting.EncodeShortHeader(header), Body: body}
				}
			}
			b.ReportAllocs()
			b.SetParallelism(4)
			b.ResetTimer()
			left := make(chan struct{}, 1024)
			go func() {
				defer close(left)
				for range (b.N + size - 1) / size {
					left <- struct{}{}
				}
			}()
			b.RunParallel(func(pb *testing.PB) {
				for range left {
					_, err := cl.Do(b.Context(), address, request())
					require.NoError(b, err)
				}
				for pb.Next() {
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

func slicesOf(n int, s string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}

func BenchmarkStartAndClose(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		c, err := rmqtest.Start()
		require.NoError(b, err)
		c.Close()
	}
}
