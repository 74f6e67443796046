package send

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func offsetID(offset int64) string { return fmt.Sprintf("7F00000100002A9F%016X", offset) }

func TestAckedCoversWhatLiesBeforeALaterAnswer(t *testing.T) {
	t.Parallel()
	var a Acked
	a.Note("broker-a", offsetID(500))
	since := a.Now()

	require.False(t, a.Covers("broker-a", 400, since), "an answer from before the attempt vouches for nothing")
	a.Note("broker-b", offsetID(900))
	require.False(t, a.Covers("broker-a", 400, since), "another broker has another log")
	a.Note("broker-a", offsetID(300))
	require.False(t, a.Covers("broker-a", 400, since), "an answer further up in the log says nothing of what lies behind it")
	a.Note("broker-a", offsetID(401))
	require.True(t, a.Covers("broker-a", 400, since))
	require.False(t, a.Covers("broker-a", 401, since), "a message does not cover itself")
}

func TestAckedReadsTheLastIDOfABatchAndIPv6(t *testing.T) {
	t.Parallel()
	var a Acked
	a.Note("a", offsetID(10)+","+offsetID(20))
	require.True(t, a.Covers("a", 19, 0))
	a.Note("b", "00000000000000000000000000000001"+"00002A9F"+fmt.Sprintf("%016X", 77))
	require.True(t, a.Covers("b", 76, 0))
	a.Note("c", "not an id")
	a.Note("c", "")
	require.False(t, a.Covers("c", -1, 0))
}
