package send

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

func offsetID(offset int64) string { return fmt.Sprintf("7F00000100002A9F%016X", offset) }

// found is a copy at an offset of a broker's log, from an attempt that begins now.
func found(broker, host string, offset int64) Found {
	return Found{broker, &remoting.Message{
		CommitLogOffset: offset, StoreHost: netip.MustParseAddrPort(host), BornTimestamp: time.Now().UnixMilli(),
	}}
}

func TestAckedCoversWhatLiesBeforeALaterAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const host = "127.0.0.1:10911"
		var a Acked
		a.Note("broker-a", offsetID(500))
		time.Sleep(time.Millisecond)
		c := found("broker-a", host, 400)
		time.Sleep(time.Millisecond)

		require.False(t, a.Marks().Covers(c), "an answer from before the attempt vouches for nothing")
		a.Note("broker-b", offsetID(900))
		require.False(t, a.Marks().Covers(c), "another broker has another log")
		a.Note("broker-a", "7F00000200002A9F"+fmt.Sprintf("%016X", 900))
		require.False(t, a.Marks().Covers(c), "so has another master of that name")
		a.Note("broker-a", offsetID(300))
		require.False(t, a.Marks().Covers(c), "an answer further up in the log says nothing of what lies behind it")
		a.Note("broker-a", offsetID(401))
		require.True(t, a.Marks().Covers(c))
		c.Message.CommitLogOffset = 401
		require.False(t, a.Marks().Covers(c), "a message does not cover itself")
	})
}

func TestAckedReadsTheLastIDOfABatchAndIPv6(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a Acked
		one, six := found("a", "127.0.0.1:10911", 19), found("b", "[::1]:10911", 76)
		time.Sleep(time.Millisecond)
		a.Note("a", offsetID(10)+","+offsetID(20))
		require.True(t, a.Marks().Covers(one))
		a.Note("b", "00000000000000000000000000000001"+"00002A9F"+fmt.Sprintf("%016X", 77))
		require.True(t, a.Marks().Covers(six))
		a.Note("c", "not an id")
		a.Note("c", "")
		require.False(t, a.Marks().Covers(found("c", "127.0.0.1:10911", -1)))
	})
}

// What was found may be gone by the time of an answer that came after.
func TestAnAnswerAfterTheLookUpVouchesForNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a Acked
		c := found("broker-a", "127.0.0.1:10911", 400)
		time.Sleep(time.Millisecond)
		marks := a.Marks()
		a.Note("broker-a", offsetID(450))
		require.False(t, marks.Covers(c))
		require.True(t, a.Marks().Covers(c))
	})
}
