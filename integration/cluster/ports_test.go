package cluster

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClustersGetPortsApart(t *testing.T) {
	t.Parallel()
	taken := map[int]bool{}
	for range 50 {
		block, err := takePorts()
		require.NoError(t, err)
		defer block.release()

		for _, port := range []int{block.nameServer(), block.broker(0), block.broker(1)} {
			require.GreaterOrEqual(t, port+fastPort, firstPort-2)
			require.Less(t, port+haPort, lastPort)
			for _, p := range []int{port + fastPort, port, port + haPort} {
				require.False(t, taken[p], "port %d is given twice", p)
				taken[p] = true
			}
		}
	}
}

func TestPortsInUseAreNotFree(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", localhost+":0")
	require.NoError(t, err)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port

	require.False(t, allFree(port-blockSize+1))
}
