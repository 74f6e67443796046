package remoting

import (
	"context"
	"errors"
	"time"
)

// nameServerPatience is how long one name server is waited for while there are others.
const nameServerPatience = 3 * time.Second

// CallNameServer asks the name servers in turn, the one that answered last first, until one
// answers; newRequest makes it anew for each. A refusal is an answer: it is returned as
// a *holdfast.BrokerError. When ctx ends, so does the round.
func (c *Client) CallNameServer(ctx context.Context, newRequest func() *Command) (*Command, error) {
	servers := c.cluster.NameServers
	if len(servers) == 0 {
		return nil, errors.New("remoting: the cluster has no name servers")
	}
	first := int(c.preferred.Load())
	var failures []error
	for i := range servers {
		n := (first + i) % len(servers)
		response, err := c.callOneNameServer(ctx, servers[n], newRequest(), len(servers)-i > 1)
		if response != nil {
			c.preferred.Store(int32(n))
			return response, err
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

func (c *Client) callOneNameServer(ctx context.Context, address string, request *Command, more bool) (*Command, error) {
	if more {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, nameServerPatience)
		defer cancel()
	}
	return c.Do(ctx, address, request)
}
