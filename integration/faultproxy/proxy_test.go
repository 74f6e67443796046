package faultproxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/faultproxy"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

const (
	topic = "orders"

	// patience is how long a test waits for what should come at once, shortly for what should
	// not come.
	patience = 20 * time.Second
	shortly  = 100 * time.Millisecond
)

type world struct {
	*testing.T
	cluster *rmqtest.Cluster
	proxy   *faultproxy.Proxy
	client  *remoting.Client
}

func newWorld(t *testing.T, opts ...rmqtest.Option) *world {
	t.Helper()
	w := &world{T: t, cluster: rmqtest.New(t, opts...)}
	w.cluster.CreateTopic(topic, 2)
	var err error
	w.proxy, err = faultproxy.Start(t.Context(), w.cluster.Holdfast())
	require.NoError(t, err)
	t.Cleanup(w.proxy.Close)
	w.client = remoting.NewClient(w.proxy.Holdfast())
	t.Cleanup(w.client.Close)
	return w
}

func (w *world) send(body string, within time.Duration) (*remoting.Command, error) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), within)
	defer cancel()
	return w.client.Call(ctx, w.proxy.Broker("broker-a").Address(), sendOf(body))
}

func sendOf(body string) *remoting.Command {
	return remoting.NewRequest(remoting.SendMessage, remoting.SendMessageHeader{
		ProducerGroup: "producers", Topic: topic, DefaultTopic: "TBW102", DefaultTopicQueueNums: 4,
	}, []byte(body))
}

func (w *world) stored() int { return len(w.cluster.Messages(topic)) }

func (w *world) requireSent(body string) {
	w.Helper()
	response, err := w.send(body, patience)
	require.NoError(w, err)
	require.Equal(w, remoting.Success, response.Code)
}

func (w *world) storedBecomes(n int) {
	w.Helper()
	require.Eventually(w, func() bool { return w.stored() == n }, patience, time.Millisecond, "%d messages stored", n)
}

func TestRoutesLeadToTheProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, rmqtest.WithBrokers("broker-a", "broker-b"))
	route, err := w.client.Route(t.Context(), topic)
	require.NoError(t, err)
	info, err := w.client.ClusterInfo(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"broker-a", "broker-b"} {
		endpoint := w.proxy.Broker(name)
		require.Equal(t, endpoint.Address(), route.Master(name))
		require.Equal(t, endpoint.Address(), info.Brokers[name].Addresses[remoting.MasterID])
		require.Equal(t, w.cluster.Broker(name).Addr(), endpoint.Upstream())
		require.NotEqual(t, endpoint.Upstream(), endpoint.Address())
	}
	require.Len(t, route.WriteQueues(topic), 4)
	require.Equal(t, w.proxy.NameServer(0).Address(), w.proxy.Holdfast().NameServers[0])
	require.Nil(t, w.proxy.Broker("broker-c"))
	w.requireSent("through the proxy")
	require.Equal(t, 1, w.stored())
}

// A client older than 4.9.4 gets a route with bare keys; what is not an address stays.
func TestRoutesOfOldClientsKeepTheirForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := func(cluster holdfast.Cluster) string {
		client := remoting.NewClient(cluster)
		defer client.Close()
		request := remoting.NewRequest(remoting.GetRouteInfoByTopic, remoting.TopicHeader{Topic: topic}, nil)
		request.Version = 317
		response, err := client.Call(t.Context(), cluster.NameServers[0], request)
		require.NoError(t, err)
		return string(response.Body)
	}
	direct, proxied := body(w.cluster.Holdfast()), body(w.proxy.Holdfast())
	require.Contains(t, direct, `{0:"`)
	endpoint := w.proxy.Broker("broker-a")
	require.Equal(t, strings.ReplaceAll(direct, endpoint.Upstream(), endpoint.Address()), proxied)
}

func TestActions(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		action rmqtest.Action
		code   int  // of the answer; -1 for none
		cut    bool // no answer because the connection broke
		stored int
		remark string
	}{
		"pass":               {action: rmqtest.Pass(), stored: 1},
		"request lost":       {action: rmqtest.DropRequest(), code: -1},
		"answer lost":        {action: rmqtest.DropResponse(), code: -1, stored: 1},
		"refused":            {action: rmqtest.Answer(remoting.ServiceNotAvailable, "full"), code: remoting.ServiceNotAvailable, remark: "full"},
		"stored, other code": {action: rmqtest.AnswerAfterStore(remoting.FlushDiskTimeout, "slow"), code: remoting.FlushDiskTimeout, remark: "slow", stored: 1},
		"cut before":         {action: rmqtest.CloseBefore(), code: -1, cut: true},
		"cut after":          {action: rmqtest.CloseAfter(), code: -1, cut: true, stored: 1},
		"late request":       {action: rmqtest.Delay(time.Millisecond, rmqtest.Pass()), stored: 1},
		"late refusal":       {action: rmqtest.Delay(time.Millisecond, rmqtest.Answer(remoting.SystemBusy, "busy")), code: remoting.SystemBusy, remark: "busy"},
		"late answer":        {action: rmqtest.AnswerLate(time.Millisecond), stored: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			fault := w.proxy.Inject(rmqtest.Send, test.action, 1)
			within := patience
			if test.code == -1 && !test.cut {
				within = shortly
			}
			response, err := w.send("x", within)
			<-fault.Done()
			switch {
			case test.cut:
				require.ErrorContains(t, err, "reset by peer")
			case test.code == -1:
				require.ErrorIs(t, err, context.DeadlineExceeded)
			default:
				require.NoError(t, err)
				require.Equal(t, test.code, response.Code)
				require.Equal(t, test.remark, response.Remark)
			}
			w.storedBecomes(test.stored)
			if test.code == remoting.FlushDiskTimeout {
				require.NotEmpty(t, response.Ext["msgId"], "the fields of the answer are kept")
			}

			w.requireSent("after it")
			w.storedBecomes(test.stored + 1)
		})
	}
}

func TestADelayHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, action := range []rmqtest.Action{rmqtest.Delay(time.Hour, rmqtest.Pass()), rmqtest.AnswerLate(time.Hour)} {
		fault := w.proxy.Inject(rmqtest.Send, action, 1)
		late := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_, err := w.client.Call(ctx, w.proxy.Broker("broker-a").Address(), sendOf("late"))
			late <- err
		}()
		<-fault.Done()
		w.requireSent("in time")
		cancel()
		require.ErrorIs(t, <-late, context.Canceled)
	}
	w.storedBecomes(3)
}

func TestInterceptSeesTheRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := make(chan rmqtest.Request, 10)
	fault := w.proxy.Intercept(rmqtest.Any, func(r *rmqtest.Request) rmqtest.Action {
		seen <- *r
		return rmqtest.Pass()
	})
	w.requireSent("x")
	r := <-seen
	require.Equal(t, rmqtest.Send, r.Kind)
	require.Equal(t, "broker-a", r.Broker)
	require.Equal(t, topic, r.Topic)
	require.Equal(t, "producers", r.Group)
	require.Equal(t, "x", string(r.Body))

	_, err := w.client.Route(t.Context(), topic)
	require.NoError(t, err)
	r = <-seen
	require.Equal(t, rmqtest.Route, r.Kind)
	require.Empty(t, r.Broker, "a name server has no name")
	fault.Remove()
	w.requireSent("y")
	require.Empty(t, seen)
}

func TestStoppedEndpointsRefuseAndComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.requireSent("before")
	broker := w.proxy.Broker("broker-a")
	broker.Stop()
	broker.Stop()
	require.Eventually(t, func() bool {
		_, err := w.send("while", patience)
		var transport *remoting.TransportError
		return errors.As(err, &transport) && transport.Op == "dial" && strings.Contains(err.Error(), "refused")
	}, patience, time.Millisecond)
	require.NoError(t, broker.Start())
	require.NoError(t, broker.Start())
	w.requireSent("after")
	require.Equal(t, 2, w.stored())

	w.proxy.NameServer(0).Stop()
	_, err := w.client.Route(t.Context(), topic)
	require.Error(t, err)
	require.NoError(t, w.proxy.NameServer(0).Start())
	_, err = w.client.Route(t.Context(), topic)
	require.NoError(t, err)
}

func TestABrokerThatIsGoneCutsItsClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.requireSent("before")
	w.cluster.Broker("broker-a").Stop()
	require.Eventually(t, func() bool {
		_, err := w.send("while", patience)
		return err != nil
	}, patience, time.Millisecond)
	w.cluster.Broker("broker-a").Start()
	w.requireSent("after")
}

// Frames of one direction keep their order, whatever their size.
func TestOrderIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn, err := net.Dial("tcp", w.proxy.Broker("broker-a").Address())
	require.NoError(t, err)
	defer conn.Close()
	const n = 50
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			request := sendOf(fmt.Sprint(i, strings.Repeat(".", i%7*20_000)))
			request.Opaque = int32(i)
			frame, _ := request.AppendFrame(nil)
			_, _ = conn.Write(frame)
		}
	})
	for i := range n {
		response, err := remoting.ReadFrame(conn, 0)
		require.NoError(t, err)
		require.EqualValues(t, i, response.Opaque)
		require.Equal(t, remoting.Success, response.Code)
	}
	wg.Wait()
	require.Equal(t, n, w.stored())
}

// What is no frame that the proxy understands is passed on as it is; a broker asks clients
// too, and their answers come through.
func TestPassesOnWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	strange := []byte("\x00\x00\x00\x08\x07\x00\x00\x04????")
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request, err := remoting.ReadFrame(conn, 0)
				if err != nil {
					return
				}
				if request.Code == remoting.GetBrokerClusterInfo { // the proxy's own question
					response := request.NewResponse(remoting.Success, "")
					response.Body = []byte("{}")
					frame, _ := response.AppendFrame(nil)
					_, _ = conn.Write(frame)
					return
				}
				asked, _ := remoting.NewRequest(remoting.CheckTransactionState, nil, []byte("ask")).AppendFrame(nil)
				_, _ = conn.Write(asked)
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	proxy, err := faultproxy.Start(t.Context(), holdfast.Cluster{NameServers: []string{listener.Addr().String()}})
	require.NoError(t, err)
	defer proxy.Close()
	conn, err := net.Dial("tcp", proxy.Holdfast().NameServers[0])
	require.NoError(t, err)
	defer conn.Close()

	oneWay := remoting.NewRequest(remoting.HeartBeat, nil, nil)
	oneWay.SetOneWay()
	frame, err := oneWay.AppendFrame(nil)
	require.NoError(t, err)
	_, err = conn.Write(frame)
	require.NoError(t, err)
	asked, err := remoting.ReadFrame(conn, 0)
	require.NoError(t, err)
	require.Equal(t, remoting.CheckTransactionState, asked.Code)
	require.False(t, asked.IsResponse())

	answer, err := asked.NewResponse(remoting.Success, "told").AppendFrame(nil)
	require.NoError(t, err)
	for _, sent := range [][]byte{answer, strange} {
		_, err = conn.Write(sent)
		require.NoError(t, err)
		echoed := make([]byte, len(sent))
		_, err = io.ReadFull(conn, echoed)
		require.NoError(t, err)
		require.Equal(t, sent, echoed)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := faultproxy.Start(t.Context(), holdfast.Cluster{})
	require.ErrorContains(t, err, "faultproxy: holdfast: cluster: NameServers is empty")

	cluster := rmqtest.New(t)
	cluster.NameServer().Stop()
	_, err = faultproxy.Start(t.Context(), cluster.Holdfast())
	require.ErrorContains(t, err, cluster.NameServer().Addr())
}

// Not parallel: it counts the goroutines of the process.
func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 20 {
		func() {
			cluster, err := rmqtest.Start()
			require.NoError(t, err)
			defer cluster.Close()
			proxy, err := faultproxy.Start(t.Context(), cluster.Holdfast())
			require.NoError(t, err)
			client := remoting.NewClient(proxy.Holdfast())
			defer client.Close()
			proxy.Inject(rmqtest.Send, rmqtest.Delay(time.Hour, rmqtest.Pass()), 1)
			fault := proxy.Inject(rmqtest.RuntimeInfo, rmqtest.AnswerLate(time.Hour), 1)
			go func() { _, _ = client.Call(t.Context(), proxy.Broker("broker-a").Address(), sendOf("x")) }()
			go func() { _, _ = client.RuntimeInfo(t.Context(), proxy.Broker("broker-a").Address()) }()
			<-fault.Done()
			proxy.Close()
			proxy.Close()
		}()
	}
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines before, these now:\n%s", before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
