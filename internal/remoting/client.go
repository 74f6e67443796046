package remoting

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-mq/holdfast"
)

const (
	dialTimeout = 5 * time.Second

	// writeTimeout ends a connection whose peer has stopped reading; a call's own ctx ends
	// the call long before that.
	writeTimeout = 30 * time.Second
)

// ErrClientClosed is the cause of every call after Close.
var ErrClientClosed = errors.New("remoting: client is closed")

// TransportError is a call that got no answer.
type TransportError struct {
	Address string
	Op      string // dial, write or wait
	Sent    bool   // the request may have reached the peer
	Err     error  // context.Cause of the call's ctx when that ended it
}

// Error names the address and the step.
func (e *TransportError) Error() string {
	return fmt.Sprintf("remoting: %s %s: %v", e.Op, e.Address, e.Err)
}

// Unwrap returns the cause.
func (e *TransportError) Unwrap() error { return e.Err }

// Client calls name servers and brokers: one connection for each address, any number of
// calls at once, dialled when first needed and again after it broke. It is safe for
// concurrent use.
type Client struct {
	cluster    holdfast.Cluster
	frameLimit int
	binary     bool
	dial       func(ctx context.Context, network, address string) (net.Conn, error)

	opaque     atomic.Int32
	preferred  atomic.Int32 // index of the name server that answered last
	ctx        context.Context
	cancel     context.CancelCauseFunc
	background sync.WaitGroup

	mu    sync.Mutex
	conns map[string]*dialing
}

// ClientOption changes a default of NewClient.
type ClientOption func(*Client)

// WithFrameLimit bounds the size of a response frame; the default is DefaultFrameLimit.
func WithFrameLimit(n int) ClientOption { return func(c *Client) { c.frameLimit = n } }

// WithBinaryHeaders sends headers in the ROCKETMQ serialisation; the default is JSON.
func WithBinaryHeaders() ClientOption { return func(c *Client) { c.binary = true } }

// WithDial replaces the dialer; the default is a net.Dialer with a limit of 5 s.
func WithDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) ClientOption {
	return func(c *Client) { c.dial = dial }
}

// NewClient makes a client of the cluster; requests are signed when it has keys. It
// connects to nothing. Close it.
func NewClient(cluster holdfast.Cluster, opts ...ClientOption) *Client {
	c := &Client{
		cluster:    cluster,
		frameLimit: DefaultFrameLimit,
		dial:       (&net.Dialer{Timeout: dialTimeout}).DialContext,
		conns:      map[string]*dialing{},
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	for _, opt := range opts {
		opt(c)
	}
	return c
}

// Close ends every call that is waiting with ErrClientClosed, closes the connections, and
// returns when nothing runs any more.
func (c *Client) Close() {
	c.mu.Lock()
	c.cancel(ErrClientClosed)
	c.mu.Unlock()
	c.background.Wait()
}

// Call sends the request to address and returns the response, whatever its code. The
// request must not be used again. An error is a *TransportError; when ctx ends, Call
// returns at once with its cause, at whichever step it is.
func (c *Client) Call(ctx context.Context, address string, request *Command) (*Command, error) {
	if err := ctx.Err(); err != nil {
		return nil, &TransportError{address, "dial", false, context.Cause(ctx)}
	}
	conn, err := c.connection(ctx, address)
	if err != nil {
		return nil, err
	}
	request.Opaque = c.opaque.Add(1)
	request.Binary = c.binary
	if c.cluster.AccessKey != "" {
		request.Sign(c.cluster.AccessKey, c.cluster.SecretKey)
	}
	return conn.call(ctx, request)
}

// Do is Call with every response code but Success turned into a *holdfast.BrokerError; the
// response comes with it.
func (c *Client) Do(ctx context.Context, address string, request *Command) (*Command, error) {
	response, err := c.Call(ctx, address, request)
	if err != nil {
		return nil, err
	}
	if response.Code != Success {
		return response, &holdfast.BrokerError{Code: response.Code, Remark: response.Remark, Broker: address}
	}
	return response, nil
}

// dialing is the connection of one address, or the attempt to make it.
type dialing struct {
	done chan struct{} // closed when conn or err is set
	conn *connection
	err  error
}

// connection returns the live connection to address, dialling it if there is none. All
// callers share one attempt; a caller whose ctx ends leaves the attempt to the others.
func (c *Client) connection(ctx context.Context, address string) (*connection, error) {
	d, err := c.dialing(address)
	if err != nil {
		return nil, err
	}
	select {
	case <-d.done:
	case <-ctx.Done():
		return nil, &TransportError{address, "dial", false, context.Cause(ctx)}
	case <-c.ctx.Done():
		return nil, &TransportError{address, "dial", false, ErrClientClosed}
	}
	if d.err != nil {
		return nil, &TransportError{address, "dial", false, d.err}
	}
	return d.conn, nil
}

func (c *Client) dialing(address string) (*dialing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ctx.Err() != nil {
		return nil, &TransportError{address, "dial", false, ErrClientClosed}
	}
	if d := c.conns[address]; d != nil && !d.broken() {
		return d, nil
	}
	d := &dialing{done: make(chan struct{})}
	c.conns[address] = d
	c.background.Go(func() { c.open(address, d) })
	return d, nil
}

func (d *dialing) broken() bool {
	select {
	case <-d.done:
		return d.err != nil || d.conn.ctx.Err() != nil
	default:
		return false
	}
}

func (c *Client) open(address string, d *dialing) {
	ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
	defer cancel()
	socket, err := c.dial(ctx, "tcp", address)
	if err != nil {
		d.err = err
	} else {
		d.conn = newConnection(c, address, socket)
	}
	close(d.done)
}
