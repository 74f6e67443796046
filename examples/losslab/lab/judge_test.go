package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	once := []stored{{"o-1", "A"}}
	twice := []stored{{"o-1", "A"}, {"o-1", "A"}}
	apart := []stored{{"o-1", "A"}, {"o-1", "B"}}
	nameless := []stored{{"o-1", ""}, {"o-1", ""}}
	for _, row := range []struct {
		name   string
		said   said
		stored []stored
		want   counts
	}{
		{"acknowledged and there", acknowledged, once, counts{acknowledged: 1}},
		{"acknowledged and not there", acknowledged, nil, counts{acknowledged: 1, lost: 1}},
		{"acknowledged and there twice", acknowledged, twice, counts{acknowledged: 1, doubled: 1}},
		{"acknowledged and there under two ids", acknowledged, apart, counts{acknowledged: 1, doubled: 1, apart: 1}},
		{"without an id a copy cannot be recognised", acknowledged, nameless, counts{acknowledged: 1, doubled: 1, apart: 1}},
		{"unknown and there", unknown, once, counts{unknown: 1, recovered: 1}},
		{"unknown and not there", unknown, nil, counts{unknown: 1}},
		{"unknown and there twice", unknown, twice, counts{unknown: 1, recovered: 1, doubled: 1}},
		{"not stored and not there", notStored, nil, counts{}},
		{"not stored and there", notStored, once, counts{unexpected: 1}},
		{"not stored and there under two ids", notStored, apart, counts{unexpected: 1, doubled: 1, apart: 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.want.attempted = 1
			got, err := judge([]attempt{{"o-1", row.said}}, row.stored)
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

func TestJudgeCountsOrdersNotCopies(t *testing.T) {
	t.Parallel()
	got, err := judge(
		[]attempt{{"o-1", acknowledged}, {"o-2", notStored}, {"o-3", unknown}, {"o-4", notStored}},
		[]stored{{"o-2", "B"}, {"o-1", "A"}, {"o-2", "B"}, {"o-2", "B"}, {"o-2", "B"}})
	require.NoError(t, err)
	require.Equal(t, counts{attempted: 4, acknowledged: 1, unknown: 1, unexpected: 1, doubled: 1}, got)
	require.Equal(t, 2, got.refused())
}

func TestJudgeTrustsNothingThatDoesNotFit(t *testing.T) {
	t.Parallel()
	_, err := judge([]attempt{{"o-1", acknowledged}, {"o-1", notStored}}, nil)
	require.ErrorContains(t, err, "order o-1 was sent twice")

	_, err = judge([]attempt{{"o-1", acknowledged}}, []stored{{"o-1", "A"}, {"o-2", "B"}})
	require.ErrorContains(t, err, "order o-2 is stored and was never sent")
}
