//go:build !race

package lab

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The whole lab on the model broker, with few orders: every fault bites the raw client, and
// holdfast loses and misreports nothing. Not in parallel with the other test that runs the
// lab: raw clients of one name share a connection in the whole process. Without -race: the
// official push consumer races with itself while it starts.
func TestLabOnTheModelBroker(t *testing.T) {
	var out, complaints bytes.Buffer

	exit := run(t.Context(), noBrokers, []string{"-orders=120"}, &out, &complaints)

	require.Equal(t, exitHeld, exit, "%s%s", out.String(), complaints.String())
	require.Empty(t, complaints.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Contains(t, lines[0], "model broker")
	require.Contains(t, lines[0], "no Java 17")
	require.Regexp(t, regexp.MustCompile(
		`^verdict: raw lost [1-9]\d* doubled [1-9]\d* unexpected [1-9]\d*; holdfast lost 0 doubled \d+ unexpected 0 \(model broker\)$`),
		lines[len(lines)-1])
}
