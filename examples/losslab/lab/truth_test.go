package lab

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJudgeConsumed(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		told    told
		effects int
		want    counts
	}{
		{"acknowledged and finished", told{acknowledged: true}, 1, counts{acknowledged: 1, delivered: 1}},
		{"acknowledged and never finished", told{acknowledged: true}, 0, counts{acknowledged: 1, lost: 1}},
		{"finished twice", told{acknowledged: true}, 2, counts{acknowledged: 1, delivered: 1, doubled: 1}},
		{"finished, and nobody knows", told{}, 1, counts{delivered: 1}},
		{"not begun", told{}, 0, counts{waiting: 1}},
		{"will be tried again", told{acknowledged: true, again: true}, 0, counts{acknowledged: 1, waiting: 1}},
		{"a dead letter", told{acknowledged: true, dead: true}, 0, counts{acknowledged: 1, dead: 1}},
		{"a dead letter of what was finished", told{acknowledged: true, dead: true}, 1, counts{acknowledged: 1, delivered: 1}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.want.attempted = 1
			row.told.id = "o-1"
			effects := map[string]int{}
			if row.effects > 0 {
				effects["o-1"] = row.effects
			}
			got, err := judgeConsumed([]told{row.told}, effects)
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

func TestJudgeConsumedTrustsNothingThatDoesNotFit(t *testing.T) {
	t.Parallel()
	_, err := judgeConsumed([]told{{id: "o-1"}, {id: "o-1"}}, nil)
	require.ErrorContains(t, err, "order o-1 is there twice")

	_, err = judgeConsumed([]told{{id: "o-1"}}, map[string]int{"o-2": 1})
	require.ErrorContains(t, err, "order o-2 had an effect and was never there")
}
