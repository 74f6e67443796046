package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                    string
		in                      []string
		passed, failed, skipped int
		says, hides             string
	}{
		{
			name: "passed",
			in: []string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}`,
				`{"Action":"pass","Package":"p","Test":"TestA/sub"}`,
				`{"Action":"pass","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Elapsed":1.5}`,
			},
			passed: 2, says: "ok    p (1.5s): 2 passed", hides: "noise",
		},
		{
			name: "failed",
			in: []string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
				`{"Action":"output","Package":"p","Test":"TestA","Output":"want 1\n"}`,
				`{"Action":"fail","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p","Test":"TestB"}`,
				`{"Action":"fail","Package":"p","Elapsed":2}`,
			},
			passed: 1, failed: 1, says: "      want 1\nFAIL  p (2.0s): 1 passed, 1 failed", hides: "=== RUN",
		},
		{
			name: "skipped, with its reason",
			in: []string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:3: no broker\n"}`,
				`{"Action":"skip","Package":"p","Test":"TestA"}`,
				`{"Action":"pass","Package":"p"}`,
			},
			skipped: 1, says: "SKIP  p TestA\n          a_test.go:3: no broker",
		},
		{
			name: "does not build",
			in: []string{
				`{"Action":"build-output","ImportPath":"p [p.test]","Output":"p.go:1: undefined: x\n"}`,
				`{"Action":"build-fail","ImportPath":"p [p.test]"}`,
				`{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			},
			failed: 1, says: "undefined: x",
		},
		{
			name: "dies in the middle of a test",
			in: []string{
				`{"Action":"output","Package":"p","Test":"TestA","Output":"panic: test timed out\n"}`,
				`{"Action":"fail","Package":"p"}`,
			},
			failed: 1, says: "panic: test timed out",
		},
		{
			name: "no tests",
			in:   []string{`{"Action":"output","Package":"p","Output":"?   p [no test files]\n"}`, `{"Action":"skip","Package":"p"}`},
		},
		{
			name: "the go command cannot begin",
			in:   []string{`go: go.mod file not found`},
			says: "go.mod file not found",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			r := newReport(&out)
			require.NoError(t, r.read(strings.NewReader(strings.Join(row.in, "\n"))))
			require.Equal(t, []int{row.passed, row.failed, row.skipped}, []int{r.passed, r.failed, r.skipped})
			require.Contains(t, out.String(), row.says)
			if row.hides != "" {
				require.NotContains(t, out.String(), row.hides)
			}
		})
	}
}

func TestTallyAddsALine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "tally")
	r := &report{passed: 3, failed: 1, skipped: 2}
	require.NoError(t, r.addTo(file))
	require.NoError(t, r.addTo(file))
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "3 1 2\n3 1 2\n", string(text))
}
