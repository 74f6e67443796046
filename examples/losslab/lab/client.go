package lab

import (
	"context"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/rlog"

	"github.com/holdfast-mq/holdfast"
)

// client is one of the two that are compared.
type client interface {
	// send sends one message and returns what the client says about it.
	send(ctx context.Context, msg *primitive.Message) said

	// forward makes of a consumed message one to another topic, as users of the client do.
	forward(topic string, msg *primitive.MessageExt) *primitive.Message

	close()
}

// newClients starts both. holdfast comes first: its first producer takes over the logger and
// the panic handler of the official client, which are one for the process.
func newClients(cluster holdfast.Cluster, name string, avoided *duplicatesAvoided) (clients, error) {
	held, err := newHeld(cluster, name, avoided)
	if err != nil {
		return clients{}, err
	}
	raw, err := newRaw(cluster, name)
	if err != nil {
		held.close()
		return clients{}, err
	}
	return clients{rawClient: raw, heldClient: held}, nil
}

// Whatever there is one of for each client stands in an array with these indices.
const (
	rawClient = iota
	heldClient
	clientCount
)

var clientNames = [clientCount]string{rawClient: "raw", heldClient: "holdfast"}

type clients [clientCount]client

func (c clients) close() {
	var wg sync.WaitGroup
	for _, one := range c {
		wg.Go(one.close)
	}
	wg.Wait()
}

// silence keeps the official client from logging every send that fails, with its body. Once
// only: a client that is shut down still logs.
var silence = sync.OnceFunc(func() { rlog.SetLogger(quiet{}) })

type quiet struct{}

func (quiet) Debug(string, map[string]any)   {}
func (quiet) Info(string, map[string]any)    {}
func (quiet) Warning(string, map[string]any) {}
func (quiet) Error(string, map[string]any)   {}
func (quiet) Fatal(string, map[string]any)   {}
func (quiet) Level(string)                   {}
func (quiet) OutputPath(string) error        { return nil }
