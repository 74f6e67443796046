package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// Ports are taken in blocks below the range from which Linux gives ports to outgoing
// connections (32768 and up), so that nobody takes a killed broker's port before it is back.
const (
	firstPort = 20000
	lastPort  = 31999
	blockSize = 20

	haPort   = +1 // relative to a broker's port
	fastPort = -2
)

// portBlock is the ports of one cluster: the name server's, then five for each broker.
type portBlock struct {
	first int
	lock  *fileLock
}

func (b *portBlock) nameServer() int  { return b.first }
func (b *portBlock) broker(n int) int { return b.first + 5 + 5*n }
func (b *portBlock) release()         { b.lock.unlock() }

// takePorts finds a block that no other cluster of this machine has and where nothing
// listens.
func takePorts() (*portBlock, error) {
	dir := filepath.Join(os.TempDir(), "holdfast-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("cluster: ports: %w", err)
	}
	blocks := (lastPort - firstPort) / blockSize
	for _, n := range rand.Perm(blocks) {
		first := firstPort + n*blockSize
		lock, err := tryLock(filepath.Join(dir, strconv.Itoa(first)))
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("cluster: ports: %w", err)
		}
		if allFree(first) {
			return &portBlock{first, lock}, nil
		}
		lock.unlock()
	}
	return nil, fmt.Errorf("cluster: ports: every block of %d ports between %d and %d is taken: stop what listens there", blockSize, firstPort, lastPort)
}

func allFree(first int) bool {
	for port := first; port < first+blockSize; port++ {
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			return false
		}
		_ = listener.Close()
	}
	return true
}
