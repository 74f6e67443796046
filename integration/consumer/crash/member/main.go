// Command member is one member of a consumer group, for tests that kill it: a consumer of the
// official client, used as people use it, or one of holdfast's. What its handler does is said by
// the properties of the messages; each effect is written to a file, and synced, when it is done.
//
// On its standard input it is told where to die; when that closes it ends.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

// config is what the flags say.
type config struct {
	nameServer, topic, group string

	concurrency    int
	consumeTimeout time.Duration
	inOrder        bool
}

func main() {
	var c config
	var h handler
	side := flag.String("side", "", "raw, guard or consumer")
	record := flag.String("record", "", "file that runs and effects are added to")
	flag.StringVar(&c.nameServer, "nameserver", "", "host:port")
	flag.StringVar(&c.topic, "topic", "", "topic")
	flag.StringVar(&c.group, "group", "", "group")
	flag.IntVar(&c.concurrency, "concurrency", 4, "handlers at once")
	flag.DurationVar(&c.consumeTimeout, "consume-timeout", 0, "of the official client; 0: its default")
	flag.BoolVar(&c.inOrder, "in-order", false, "consume in order")
	flag.BoolVar(&h.quick, "quick", false, "handlers take no time")
	flag.BoolVar(&h.bare, "bare", false, "work beside a handler is started with a bare go statement")
	flag.Parse()

	rlog.SetLogLevel("fatal")
	slog.SetDefault(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	var err error
	if h.record, err = openRecord(*record); err != nil {
		fail(err)
	}
	go obey(&h.points)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { fmt.Println("draining") })
	if err := run(ctx, *side, c, &h); err != nil {
		fail(err)
	}
}

func run(ctx context.Context, side string, c config, h *handler) error {
	switch side {
	case "raw":
		h.bare = true // it has nothing else
		return runRaw(ctx, c, h)
	case "guard":
		return runGuard(ctx, c, h)
	case "consumer":
		return runConsumer(ctx, c, h)
	default:
		return fmt.Errorf("member: side %q: use raw, guard or consumer", side)
	}
}

func started() { fmt.Println("started") }

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// obey takes orders: "die" and a point.
func obey(p *points) {
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		if at, ok := strings.CutPrefix(orders.Text(), "die "); ok {
			p.deadly.Store(&at)
			fmt.Println("armed")
		}
	}
	os.Exit(3) // whoever started it has gone
}
