package consumer_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/holdfast-mq/holdfast/internal/official"
)

// The official client's logger is written before any client runs.
func TestMain(m *testing.M) {
	official.SetLogger(slog.New(slog.DiscardHandler))
	os.Exit(m.Run())
}
