// Package container runs the clusters of package cluster in containers, through
// testcontainers-go: the same flavours, handles and guarantees.
//
// The image is apache/rocketmq:<version>; the environment variable HOLDFAST_ROCKETMQ_IMAGE
// names another of the same layout, and gets the version as its tag if it has none. image/build
// makes a stand-in where no registry can be reached.
//
// Containers use the host's network: a broker listens on the same address inside and outside,
// and so do the name server and other brokers find it. Docker must be on this machine, on
// Linux.
//
// Where testcontainers' own cleaner cannot run (TESTCONTAINERS_RYUK_DISABLED=true), what a
// killed process has left is removed by the next Start.
package container

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// Start is cluster.Start, in containers. Fetching the image for the first time is bounded by
// ctx only through testcontainers.
func Start(ctx context.Context, config cluster.Config) (*cluster.Cluster, error) {
	return cluster.StartWith(ctx, config, &launcher{})
}

// Run is cluster.Run, in containers.
func Run(tb testing.TB, config cluster.Config) *cluster.Cluster {
	tb.Helper()
	c, err := Start(tb.Context(), config)
	if err != nil {
		tb.Fatal(err)
	}
	cluster.CloseWith(tb, c)
	return c
}

// Available says whether Start can work here: nil if a Docker daemon answers.
func Available() error {
	client, err := newClient(context.Background())
	if err != nil {
		return err
	}
	return client.Close()
}

// imageOf is the image for a version.
func imageOf(version string) string {
	image := os.Getenv("HOLDFAST_ROCKETMQ_IMAGE")
	if image == "" {
		image = "apache/rocketmq"
	}
	if name := image[strings.LastIndex(image, "/")+1:]; strings.ContainsAny(name, ":@") {
		return image
	}
	return image + ":" + version
}
