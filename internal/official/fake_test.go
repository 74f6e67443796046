package official

import (
	"encoding/json"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// earlierPanics is told of each panic by a handler that was there before WatchPanics.
var earlierPanics = make(chan any, 100)

// Both globals are written before any client runs.
func TestMain(m *testing.M) {
	primitive.PanicHandler = func(v any) { earlierPanics <- v }
	WatchPanics()
	WatchPanics()
	SetLogger(nil)
	os.Exit(m.Run())
}

// A peer is one end of a connection that a fake accepted.
type peer struct {
	*net.TCPConn
	t *testing.T
}

func (p peer) answer(to *remoting.Command, code int, remark string, ext map[string]string, body []byte) {
	response := to.NewResponse(code, remark)
	response.Ext, response.Body = ext, body
	frame, err := response.AppendFrame(nil)
	if err != nil {
		p.t.Error(err)
	}
	_, _ = p.Write(frame) // a client that is gone does not want it
}

// A fake is a server that keeps every request and lets serve answer it.
type fake struct {
	address  string
	accepted atomic.Int64
	mu       sync.Mutex
	seen     []*remoting.Command
}

func listen(t *testing.T, serve func(p peer, c *remoting.Command)) *fake {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	f := &fake{address: listener.Addr().String()}
	var running sync.WaitGroup
	ended := t.Context()
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			f.accepted.Add(1)
			p := peer{conn.(*net.TCPConn), t}
			running.Go(func() {
				defer p.Close()
				go func() { <-ended.Done(); p.Close() }()
				f.read(p, serve)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return f
}

func (f *fake) read(p peer, serve func(p peer, c *remoting.Command)) {
	for {
		c, err := remoting.ReadFrame(p, 0)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.seen = append(f.seen, c)
		f.mu.Unlock()
		serve(p, c)
	}
}

// requests returns those with one of the codes so far.
func (f *fake) requests(codes ...int) []*remoting.Command {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.seen), func(c *remoting.Command) bool { return !slices.Contains(codes, c.Code) })
}

// nameServer sends everybody who asks for a topic to the master at broker.
func nameServer(t *testing.T, broker string) *fake {
	return nameServerWith(t, map[string]string{remoting.MasterID: broker})
}

func nameServerWith(t *testing.T, addresses map[string]string) *fake {
	route, err := json.Marshal(map[string]any{
		"brokerDatas": []any{map[string]any{"brokerName": "broker-a", "brokerAddrs": addresses}},
		"queueDatas":  []any{map[string]any{"brokerName": "broker-a", "readQueueNums": 1, "writeQueueNums": 1, "perm": 6}},
	})
	require.NoError(t, err)
	return listen(t, func(p peer, c *remoting.Command) { p.answer(c, remoting.Success, "", nil, route) })
}

// send is what a broker does with requests to store; every other request it accepts.
func broker(t *testing.T, send func(p peer, c *remoting.Command)) *fake {
	return listen(t, func(p peer, c *remoting.Command) {
		switch c.Code {
		case remoting.SendMessage, remoting.SendMessageV2, remoting.SendBatchMessage:
			send(p, c)
		default:
			p.answer(c, remoting.Success, "", nil, nil)
		}
	})
}

func (f *fake) sends() []*remoting.Command {
	return f.requests(remoting.SendMessage, remoting.SendMessageV2, remoting.SendBatchMessage)
}

func store(p peer, c *remoting.Command) {
	p.answer(c, remoting.Success, "", map[string]string{"msgId": "7F00000100002A9F0000000000000000", "queueId": "0", "queueOffset": "0"}, nil)
}

func running(t *testing.T, c holdfast.Cluster) rocketmq.Producer {
	t.Helper()
	p, err := NewProducer(c, "group", nil, 4096)
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { require.NoError(t, p.Shutdown()) })
	return p
}

func at(f *fake) holdfast.Cluster { return holdfast.Cluster{NameServers: []string{f.address}} }

func message() *primitive.Message { return primitive.NewMessage("orders", []byte("body")) }

const patience = 20 * time.Second

func eventually(t *testing.T, condition func() bool, what string) {
	t.Helper()
	require.Eventually(t, condition, patience, 5*time.Millisecond, what)
}
