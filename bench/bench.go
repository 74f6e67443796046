package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/holdfast-mq/holdfast/integration/cluster"
)

// warmUp is how long each side sends before the first round of a case.
const warmUp = time.Second

// bench is one run of the program.
type bench struct {
	options
	rows     Rows
	machine  string
	date     string
	profiles *profiles // nil if none are wanted
	notes    []string
}

func newBench(o options, rows Rows) *bench {
	return &bench{
		options: o, rows: rows,
		machine: machine(cluster.DefaultVersion), date: time.Now().UTC().Format(time.DateOnly),
	}
}

// run measures all cases, those of one kind of broker together, and returns what it has when
// one fails.
func (b *bench) run(ctx context.Context) (results []Result, err error) {
	silence()
	progress("%s; load average %s", b.machine, load())
	if b.profile {
		if b.profiles, err = newProfiles(); err != nil {
			return nil, err
		}
		progress("profiles: %s", b.profiles.dir)
	}
	for _, flavour := range []cluster.Flavour{cluster.AsyncFlush, cluster.SyncFlush, cluster.TwoBrokers, cluster.MasterSlave} {
		measured, err := b.runOn(ctx, flavour)
		results = append(results, measured...)
		if err != nil {
			return results, err
		}
	}
	return append(results, b.derive(results)...), nil
}

func (b *bench) runOn(ctx context.Context, flavour cluster.Flavour) (results []Result, err error) {
	var cases []Case
	for _, c := range b.rows.Cases {
		if c.Broker == flavour {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil, nil
	}
	progress("starting %s", flavour)
	on, err := startBroker(ctx, flavour)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, on.close()) }()
	if err := b.warm(ctx, on); err != nil {
		return nil, err
	}
	for _, c := range cases {
		measured, err := b.runCase(ctx, on, c)
		if err != nil {
			return results, fmt.Errorf("%s: %w", c.Rows[0].Name, err)
		}
		results = append(results, measured...)
	}
	return results, nil
}

// warm gives the broker's compiler something to do before the first case.
func (b *bench) warm(ctx context.Context, on *broker) error {
	for _, s := range sides {
		t := b.turn(on, s, 2*b.duration)
		if _, err := throughput(64, 256)(ctx, t); err != nil {
			return fmt.Errorf("warm-up: %s: %w", s, err)
		}
	}
	return nil
}

func (b *bench) turn(on *broker, s side, duration time.Duration) *Turn {
	return &Turn{Side: s, Producer: on.producers[s], Duration: duration, Sends: b.sends, broker: on}
}

// runCase makes the rounds of a case.
func (b *bench) runCase(ctx context.Context, on *broker, c Case) ([]Result, error) {
	rounds := c.Rounds
	if rounds == 0 {
		rounds = b.rounds
		for _, s := range sides {
			if _, err := c.Run(ctx, b.turn(on, s, min(warmUp, b.duration))); err != nil {
				return nil, fmt.Errorf("warm-up: %s: %w", s, err)
			}
		}
	}
	var figures [2][][]float64 // by side and row, one for each round
	for s := range figures {
		figures[s] = make([][]float64, len(c.Rows))
	}
	for round := range rounds {
		for _, s := range sides {
			measured, err := b.takeTurn(ctx, on, c, s, round == rounds-1)
			if err != nil {
				return nil, fmt.Errorf("round %d: %s: %w", round+1, s, err)
			}
			for i, figure := range measured {
				figures[s][i] = append(figures[s][i], figure)
			}
		}
	}
	results := make([]Result, len(c.Rows))
	for i, row := range c.Rows {
		results[i] = newResult(row, median(figures[raw][i]), median(figures[held][i]), rounds, b.machine, b.date)
		progress("%s: raw %s, holdfast %s %s", row.Name, number(results[i].Raw), number(results[i].Holdfast), row.Unit)
	}
	return results, nil
}

// takeTurn measures once, from a state that owes nothing to the turn before.
func (b *bench) takeTurn(ctx context.Context, on *broker, c Case, s side, last bool) ([]float64, error) {
	if err := on.catchUp(ctx); err != nil {
		return nil, err
	}
	runtime.GC()
	t := b.turn(on, s, b.duration)
	if b.profiles != nil && last {
		stop, err := b.profiles.start(c.Rows[0].Name, s)
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	figures, err := c.Run(ctx, t)
	if err == nil && len(figures) != len(c.Rows) {
		err = fmt.Errorf("%d figures for %d rows", len(figures), len(c.Rows))
	}
	if t.failed.sends > 0 {
		b.notes = append(b.notes, fmt.Sprintf("%s: %s: %s", c.Rows[0].Name, s, t.failed))
	}
	return figures, err
}

// derive makes the rows that are made from others.
func (b *bench) derive(results []Result) (derived []Result) {
	byName := map[string]Result{}
	for _, r := range results {
		byName[r.Name] = r
	}
	for _, d := range b.rows.Derived {
		from, to := byName[d.Raw], byName[d.Holdfast]
		derived = append(derived, newResult(d.Row, from.Raw, to.Holdfast, min(from.Rounds, to.Rounds), b.machine, b.date))
	}
	return derived
}

// printNotes says what the figures were measured on, and what went wrong meanwhile.
func (b *bench) printNotes(out io.Writer) {
	fmt.Fprintf(out, "%s; load average at the end %s\n", b.machine, load())
	if len(b.notes) > 0 {
		fmt.Fprintf(out, "not every send was answered SEND_OK; only those that were are counted:\n  %s\n", strings.Join(b.notes, "\n  "))
	}
}
