// Losslab shows what the official client and holdfast lose, double and misreport under the
// same faults; package lab says how.
//
//	go run . [-target auto|real|model] [-orders 1800] [-quiet]
//
// The brokers are real ones, RocketMQ as Java processes, where Java 17 and Maven are there;
// where only Docker is there, the program in the folder containers runs them in containers,
// and make demo chooses. Otherwise the broker is the model of package rmqtest, and the first
// and the last line say so. The last line is the verdict, and lab.Main says what the exit
// status means.
package main

import (
	"os"

	"github.com/holdfast-mq/holdfast/examples/losslab/lab"
	"github.com/holdfast-mq/holdfast/integration/cluster"
)

func main() {
	os.Exit(lab.Main(lab.Brokers{How: "as Java processes", Available: cluster.Available, Start: cluster.Start}))
}
