// Package lab is the loss lab: it sends the same orders with the official client, used as its
// own examples use it, and with holdfast, to the same broker at the same time, while that is
// frozen, killed, its answers get lost and what it stores is not durable, and while some of
// the messages are copies of transactional ones. Then it consumes orders with both clients'
// consumers, under the same handlers, which fail, panic, are too slow or run on. At last it
// reads what the broker has stored and was told, and prints for both what they said and what
// is true.
package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// Brokers is a way to run real brokers.
type Brokers struct {
	How       string       // in a few words
	Available func() error // nil if Start can work on this machine
	Start     func(context.Context, cluster.Config) (*cluster.Cluster, error)
}

// Main runs the lab with the program's arguments and returns its exit status: 0 if holdfast
// lost and misreported nothing, 1 if it did, stored an order twice under different UNIQ_KEYs or
// had not delivered one in the end, 2 if a fault did nothing to the raw client, 3 if the lab
// could not run, and 130 if it was interrupted.
func Main(brokers Brokers) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once; package cluster sends it when its brokers are
	// gone.
	context.AfterFunc(ctx, stop)
	return run(ctx, brokers, os.Args[1:], os.Stdout, os.Stderr)
}

func run(ctx context.Context, brokers Brokers, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("losslab", flag.ContinueOnError)
	flags.SetOutput(stderr)
	name := flags.String("target", "auto", "real, model, or auto: real where that can be had")
	orders := flags.Int("orders", 1800, "orders per fault and client, at least 60; consumers have a quarter of them")
	isQuiet := flags.Bool("quiet", false, "print no progress")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitHeld
	case err != nil:
		return exitFailed
	case *orders < 60:
		fmt.Fprintf(stderr, "losslab: -orders=%d is too few for faults to bite: give at least 60\n", *orders)
		return exitFailed
	}

	choice, err := choose(*name, brokers)
	if err != nil {
		fmt.Fprintln(stderr, "losslab:", err)
		return exitFailed
	}
	fmt.Fprintln(stdout, choice.title)

	exit, err := compare(ctx, choice, *orders, stdout, *isQuiet)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "losslab: interrupted")
		return exitInterrupt
	case err != nil:
		fmt.Fprintln(stderr, "losslab:", err)
		return exitFailed
	}
	return exit
}

// compare runs the lab and prints what came of it. The exit status counts only if the error
// is nil.
func compare(ctx context.Context, choice choice, orders int, out io.Writer, isQuiet bool) (exit int, err error) {
	silence()
	say := progress(out, isQuiet)
	say("starting brokers")
	target, fragile, err := choice.startBoth(ctx)
	if err != nil {
		return 0, err
	}
	defer target.close()
	defer fragile.close()
	lab := &lab{target: target, fragile: fragile, weakness: choice.weakness, orders: orders, say: say}
	results, err := lab.run(ctx)
	if err != nil {
		return 0, err
	}

	fmt.Fprintln(out)
	printTable(out, results)
	fmt.Fprintf(out, "look-ups kept holdfast from storing %d messages twice\n", lab.avoided.messages.Load())
	line, exit, complaints := verdict(results, choice.isModel)
	for _, complaint := range complaints {
		fmt.Fprintln(out, complaint)
	}
	fmt.Fprintln(out, line)
	return exit, nil
}

// progress returns what prints a line with the seconds since now in front, or nothing.
func progress(out io.Writer, isQuiet bool) func(format string, args ...any) {
	if isQuiet {
		return func(string, ...any) {}
	}
	var mu sync.Mutex
	started := time.Now()
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, "%4.0fs  %s\n", time.Since(started).Seconds(), fmt.Sprintf(format, args...))
	}
}
