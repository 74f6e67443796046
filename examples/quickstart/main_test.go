package main

import (
	"bytes"
	"log"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/rmqtest"
)

// What is logged belongs to the whole process, so the outcomes are tried one after the other.
func TestOutcomes(t *testing.T) {
	for _, outcome := range []struct {
		name  string
		fault rmqtest.Action
		says  string
		fails bool
		ids   int // UNIQ_KEYs under which the order is stored, however often
	}{
		{"answered SEND_OK", rmqtest.Pass(), "] stored: ", false, 1},
		{"every answer lost", rmqtest.DropResponse(), "] may be stored: ", true, 1},
		{"refused", rmqtest.Answer(13, "the message is illegal"), "] not stored: ", true, 0},
	} {
		t.Run(outcome.name, func(t *testing.T) {
			cluster := rmqtest.New(t)
			cluster.Inject(rmqtest.Send, outcome.fault, 0)

			said, err := logged(func() error { return sendOrder(cluster.Holdfast()) })

			require.Contains(t, said, outcome.says)
			require.Equal(t, outcome.fails, err != nil)
			ids := map[string]bool{}
			for _, message := range cluster.Messages("orders") {
				require.Equal(t, "o-1", message.Keys)
				ids[message.UniqueKey] = true
			}
			require.Len(t, ids, outcome.ids)
		})
	}
}

// logged returns what f logs, each line behind a "]".
func logged(f func() error) (string, error) {
	var text bytes.Buffer
	log.SetOutput(&text)
	log.SetFlags(0)
	log.SetPrefix("] ")
	err := f()
	log.SetOutput(os.Stderr) // from here on nobody else writes to text
	log.SetFlags(log.LstdFlags)
	log.SetPrefix("")
	return text.String(), err
}
