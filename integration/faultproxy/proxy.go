package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/fault"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/rmqtest"
)

// Proxy is a running fault proxy. It is safe for concurrent use.
type Proxy struct {
	script   fault.Script
	upstream holdfast.Cluster

	mu          sync.Mutex
	closed      bool
	nameServers []*Endpoint
	brokers     map[string]*Endpoint // by the broker's own address
	names       map[string]*Endpoint // masters, by broker name
}

// Start puts a proxy in front of the name servers of upstream and of the brokers that they
// know of, now and later. The error says which name server could not be asked, or that no
// port was free; nothing is left behind then. Close the Proxy.
func Start(ctx context.Context, upstream holdfast.Cluster) (*Proxy, error) {
	p := &Proxy{upstream: upstream, brokers: map[string]*Endpoint{}, names: map[string]*Endpoint{}}
	if err := p.start(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("faultproxy: %w", err)
	}
	return p, nil
}

func (p *Proxy) start(ctx context.Context) error {
	if err := p.upstream.Validate(); err != nil {
		return err
	}
	for _, address := range p.upstream.NameServers {
		e, err := newEndpoint(p, "", address)
		if err != nil {
			return err
		}
		p.nameServers = append(p.nameServers, e)
	}
	client := remoting.NewClient(p.upstream)
	defer client.Close()
	info, err := client.ClusterInfo(ctx)
	if err != nil {
		return err
	}
	_, err = p.own(info.Brokers)
	return err
}

// Holdfast is the cluster as clients reach it through the proxy.
func (p *Proxy) Holdfast() holdfast.Cluster {
	c := p.upstream
	c.NameServers = nil
	for _, e := range p.nameServers {
		c.NameServers = append(c.NameServers, e.Address())
	}
	return c
}

// NameServer is the endpoint of the i-th name server.
func (p *Proxy) NameServer(i int) *Endpoint { return p.nameServers[i] }

// Broker is the endpoint of the named broker's master; nil if no name server has told of it.
func (p *Proxy) Broker(name string) *Endpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.names[name]
}

// Intercept asks f about every request of a kind, as rmqtest's Cluster.Intercept does. A
// request that f thinks about holds up those behind it on its connection.
func (p *Proxy) Intercept(kind rmqtest.Kind, f func(*rmqtest.Request) rmqtest.Action) *rmqtest.Fault {
	return p.script.Intercept(kind, f)
}

// Inject does a to the next times requests of a kind, as rmqtest's Cluster.Inject does.
func (p *Proxy) Inject(kind rmqtest.Kind, a rmqtest.Action, times int) *rmqtest.Fault {
	return p.script.Inject(kind, a, times)
}

// Close closes every listener and connection and returns when nothing runs any more.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	endpoints := append([]*Endpoint(nil), p.nameServers...)
	for _, e := range p.brokers {
		endpoints = append(endpoints, e)
	}
	p.mu.Unlock()
	for _, e := range endpoints {
		e.Stop()
	}
}

var errClosed = errors.New("the proxy is closed")

// own returns the address of an endpoint for every address of the brokers, making those that
// are not there yet.
func (p *Proxy) own(brokers map[string]remoting.BrokerData) (map[string]string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, errClosed
	}
	replacements := map[string]string{}
	for _, broker := range brokers {
		for id, address := range broker.Addresses {
			e := p.brokers[address]
			if e == nil {
				var err error
				if e, err = newEndpoint(p, broker.Name, address); err != nil {
					return nil, err
				}
				p.brokers[address] = e
			}
			if id == remoting.MasterID {
				p.names[broker.Name] = e
			}
			replacements[address] = e.Address()
		}
	}
	return replacements, nil
}
