package lab

import (
	"context"
	"errors"
	"testing"

	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/stretchr/testify/require"
)

func TestDeadProcessHasNoEffects(t *testing.T) {
	t.Parallel()
	effects := newEffects()
	first, second := newProcess(0, effects), newProcess(1, effects)
	first.finish("o-1")
	first.die()
	first.finish("o-2")
	second.finish("o-1")
	require.Equal(t, map[string]int{"o-1": 2}, effects.all())
	require.Equal(t, 1, effects.orders())
}

// A process that exits has closed its consumer, and ends what that left behind.
func TestExit(t *testing.T) {
	t.Parallel()
	p := newProcess(0, newEffects())
	var duringClose error
	p.member = fakeMember{func() error {
		duringClose = p.life.Err()
		p.finish("o-1")
		return errors.New("does not close")
	}}
	require.ErrorContains(t, p.exit(), "does not close")
	require.NoError(t, duringClose)
	require.ErrorIs(t, p.life.Err(), context.Canceled)
	p.finish("o-2")
	require.Equal(t, map[string]int{"o-1": 1}, p.effects.all())
}

type fakeMember struct{ end func() error }

func (fakeMember) background(ctx context.Context, f func(context.Context) error) { _ = f(ctx) }
func (m fakeMember) close() error                                                { return m.end() }

// What goes wrong does so for the same orders, whoever calls the handler.
func TestHandlers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		handle   func(*call) error
		process  int
		finished []int // of the orders 0 to 11, after the first call of each
	}{
		{"fails", failsOnce, 0, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11}},
		{"panics", panicsOnce, 0, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 11}},
		{"panics no more", panicsOnce, 1, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		{"hands off", handsOff, 0, []int{0, 1, 2, 3, 4, 5, 6, 7}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newSide(consumption{name: "test", handle: row.handle}, rawClient, 12, nil, nil)
			s.unfinished = 8
			p := newProcess(row.process, s.effects)
			p.member = fakeMember{}
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // so that nothing is waited for
			handle := s.handler(p)
			callAll := func() {
				for _, o := range s.orders {
					func() {
						defer func() { _ = recover() }()
						_ = handle(ctx, consumedOrder(o))
					}()
				}
			}
			callAll()
			want := map[string]int{}
			for _, number := range row.finished {
				want[s.orders[number].ID] = 1
			}
			require.Equal(t, want, s.effects.all())

			s.unfinished = len(s.orders)
			callAll()
			require.Equal(t, len(s.orders), s.effects.orders(), "the second time nothing goes wrong")
			require.Positive(t, s.effects.idle(), "no call is left")
		})
	}
}

func TestHandlerRefusesWhatIsNoOrder(t *testing.T) {
	t.Parallel()
	s := newSide(consumption{name: "test", handle: failsOnce}, rawClient, 3, nil, nil)
	handle := s.handler(newProcess(0, s.effects))
	for _, id := range []string{"other-000001", "test-000003", "test--1", "test-1", ""} {
		require.ErrorContains(t, handle(t.Context(), consumedOrder(order{ID: id})), "is none of the orders")
	}
	require.Empty(t, s.effects.all())
}

func consumedOrder(o order) *primitive.MessageExt {
	ext := &primitive.MessageExt{}
	ext.WithKeys([]string{o.ID})
	return ext
}

func TestCeil(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{0: 0, 1: 1, 10: 1, 11: 2, 450: 45} {
		require.Equal(t, want, ceil(n, 10))
	}
}
