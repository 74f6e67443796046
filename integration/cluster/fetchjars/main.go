// Command fetchjars makes sure that the jars of a RocketMQ version are in the cache, and
// prints the folder they are in.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

func main() {
	version := cluster.DefaultVersion
	if len(os.Args) > 1 {
		version = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := cluster.FetchJars(ctx, version)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
