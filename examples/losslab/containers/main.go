// Containers is losslab on real brokers in containers, for machines that have Docker and no
// Java: with the same arguments and exit status. It is a module of its own because of what it
// takes to talk to Docker.
package main

import (
	"os"

	"github.com/holdfast-mq/holdfast/examples/losslab/lab"
	"github.com/holdfast-mq/holdfast/integration/cluster/container"
)

func main() {
	os.Exit(lab.Main(lab.Brokers{How: "in containers", Available: container.Available, Start: container.Start}))
}
