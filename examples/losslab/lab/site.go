package lab

import (
	"context"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/internal/remoting"
	"github.com/holdfast-mq/holdfast/internal/scan"
)

// place is a site that is read through its name server.
type place struct {
	at     holdfast.Cluster
	create func(ctx context.Context, topic string) error
}

func (p place) cluster() holdfast.Cluster { return p.at }

func (p place) createTopic(ctx context.Context, topic string) error { return p.create(ctx, topic) }

func (p place) read(ctx context.Context, topic string) ([]*remoting.Message, error) {
	client := remoting.NewClient(p.at)
	defer client.Close()
	return scan.Topic(ctx, client, topic)
}
