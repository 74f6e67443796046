// Command available ends with status 0 where real brokers can be started as Java processes;
// otherwise with status 1, after saying what is missing. Makefiles ask it.
package main

import (
	"fmt"
	"os"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

func main() {
	if err := cluster.Available(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
