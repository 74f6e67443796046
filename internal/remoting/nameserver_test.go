package remoting

import (
	"context"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestNameServersAreTriedInTurn(t *testing.T) {
	t.Parallel()
	servers := []string{"ns:1", "ns:2", "ns:3"}
	newClient := func(t *testing.T, handle map[string]func(net.Conn)) (*Client, func() []string) {
		p := &peers{handle: handle}
		var mu sync.Mutex
		var dialled []string
		c := NewClient(holdfast.Cluster{NameServers: servers}, WithDial(func(ctx context.Context, network, address string) (net.Conn, error) {
			mu.Lock()
			dialled = append(dialled, address)
			mu.Unlock()
			return p.dial(ctx, network, address)
		}))
		t.Cleanup(c.Close)
		return c, func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(dialled)
		}
	}
	ask := func(ctx context.Context, c *Client) (*Command, error) {
		return c.CallNameServer(ctx, func() *Command { return request("x") })
	}

	t.Run("refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, dialled := newClient(t, map[string]func(net.Conn){"ns:2": echo})
			for range 2 {
				response, err := ask(t.Context(), c)
				require.NoError(t, err)
				require.Equal(t, "x", string(response.Body))
			}
			require.Equal(t, []string{"ns:1", "ns:2"}, dialled(), "the one that answered is asked first from then on")
		})
	})
	t.Run("silent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newClient(t, map[string]func(net.Conn){"ns:1": deaf, "ns:2": deaf, "ns:3": echo})
			_, err := ask(t.Context(), c)
			require.NoError(t, err)
		})
	})
	t.Run("a refusal is an answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, dialled := newClient(t, map[string]func(net.Conn){"ns:1": refuse(TopicNotExist, "no route"), "ns:2": echo})
			_, err := ask(t.Context(), c)
			require.ErrorIs(t, err, &holdfast.BrokerError{Code: TopicNotExist})
			require.Equal(t, []string{"ns:1"}, dialled())
		})
	})
	t.Run("all away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := newClient(t, nil)
			_, err := ask(t.Context(), c)
			for _, server := range servers {
				require.ErrorContains(t, err, server)
			}
		})
	})
	t.Run("ctx ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, dialled := newClient(t, map[string]func(net.Conn){"ns:1": deaf, "ns:2": echo})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := ask(ctx, c)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, []string{"ns:1"}, dialled())
		})
	})
	t.Run("none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := NewClient(holdfast.Cluster{})
			t.Cleanup(c.Close)
			_, err := ask(t.Context(), c)
			require.Error(t, err)
		})
	})
}
