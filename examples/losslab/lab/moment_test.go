package lab

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMoment(t *testing.T) {
	t.Parallel()
	var m moment
	ended, end := context.WithCancel(t.Context())
	end()
	require.ErrorIs(t, m.wait(ended), context.Canceled)

	waited := make(chan error, 1)
	go func() { waited <- m.wait(t.Context()) }()
	m.close()
	m.close()
	require.NoError(t, <-waited)
	require.NoError(t, m.wait(t.Context()))
}

func TestTogetherEndsAllWithTheFirstFailure(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	err := together(t.Context(),
		func(ctx context.Context) error { <-ctx.Done(); return nil },
		func(context.Context) error { return broken })
	require.ErrorIs(t, err, broken)
	require.NoError(t, together(t.Context(), func(context.Context) error { return nil }))
}
