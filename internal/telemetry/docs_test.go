package telemetry

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"

	"github.com/holdfast-mq/holdfast"
)

// docs/METRICS.md and the code say the same, neither more than the other.
func TestTheDocumentListsTheInstruments(t *testing.T) {
	t.Parallel()
	var documented []Instrument
	for _, cells := range rows(t, "| name | instrument |") {
		i := Instrument{Name: unquote(cells[0]), Kind: Kind(cells[1]), Unit: unquote(cells[2]), Description: cells[3]}
		for _, key := range strings.Fields(cells[4]) {
			i.Attributes = append(i.Attributes, attribute.Key(unquote(key)))
		}
		documented = append(documented, i)
	}
	require.Equal(t, Instruments, documented)
}

func TestTheDocumentListsTheErrorTypes(t *testing.T) {
	t.Parallel()
	var documented []ErrorType
	for _, cells := range rows(t, "| `error.type` |") {
		documented = append(documented, ErrorType{unquote(cells[0]), cells[1]})
	}
	require.Equal(t, ErrorTypes, documented)
}

func TestTheDocumentNamesTheOutcomes(t *testing.T) {
	t.Parallel()
	text := document(t)
	for _, o := range []AttemptOutcome{AttemptStored, AttemptNotDurable, AttemptNotStored, AttemptUnknown} {
		require.Contains(t, text, "`"+string(o)+"`")
	}
	for _, o := range []LookupOutcome{LookupFound, LookupNotFound, LookupRefused, LookupFailed} {
		require.Contains(t, text, "`"+string(o)+"`")
	}
}

// What is listed is what is made.
func TestTheListIsWhatTheMeterIsAskedFor(t *testing.T) {
	t.Parallel()
	_, r := recording(t, "")
	consuming(t, r, "")
	listed := map[string]Instrument{}
	for _, i := range Instruments {
		i.Attributes = nil
		listed[i.Name] = i
	}
	require.Equal(t, listed, r.made)
	require.Equal(t, map[string][]float64{
		operationDuration.Name: durationBounds, batchSize.Name: batchBounds, processDuration.Name: durationBounds,
	}, r.bounds)
}

func TestMeasurementsCarryTheListedAttributes(t *testing.T) {
	t.Parallel()
	p, r := recording(t, "")
	ctx, send := p.Start(t.Context(), primitive.NewMessage("orders", nil))
	send.End(nil, &holdfast.NotDurableError{Status: primitive.SendFlushDiskTimeout, Result: stored()})
	p.Attempt(ctx, "orders", AttemptNotDurable)
	p.Lookup(ctx, "orders", LookupFailed)
	p.DuplicatesAvoided(ctx, "orders", 1)
	p.Batch(ctx, "orders", 1)
	p.Observe(func() int64 { return 0 }, func() int64 { return 0 })
	r.collect(t)
	c := consuming(t, r, "")
	ctx, process := c.Start(t.Context(), &primitive.MessageExt{}, "readers", "broker-a", 1, time.Now())
	process.End(holdfast.Pause(nil))
	c.Retry(ctx, "orders", "readers", nil)
	c.DeadLetter(ctx, "orders", "readers", nil)
	c.Held(ctx, "orders", "readers", 1)
	c.Lag(ctx, "orders", "readers", 1)
	c.Mismatch(ctx, "orders", "readers")
	for _, i := range Instruments {
		require.Len(t, r.of(i), 1, i.Name)
		var carried []attribute.Key
		for key := range r.of(i)[0].attributes {
			carried = append(carried, attribute.Key(key))
		}
		require.ElementsMatch(t, i.Attributes, carried, i.Name)
	}
}

func document(t *testing.T) string {
	b, err := os.ReadFile("../../docs/METRICS.md")
	require.NoError(t, err)
	return string(b)
}

// rows returns the cells of the table whose head begins so.
func rows(t *testing.T, head string) (table [][]string) {
	_, rest, found := strings.Cut(document(t), "\n"+head)
	require.True(t, found, head)
	for _, line := range strings.Split(rest, "\n")[2:] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		table = append(table, cells)
	}
	return table
}

func unquote(s string) string { return strings.Trim(s, "`") }
