package cluster

import (
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// open are the clusters that are not closed.
var open struct {
	mu       sync.Mutex
	clusters map[*Cluster]struct{}
	once     sync.Once
}

// closeOnSignal has c closed when the process is interrupted or asked to end.
func closeOnSignal(c *Cluster) {
	open.once.Do(func() {
		open.clusters = map[*Cluster]struct{}{}
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		go func() {
			s := <-signals
			closeAll()
			// The signal was ours alone until now: give it its effect, which is the program's
			// own handler's or the end of the process.
			signal.Stop(signals)
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
		}()
		removeStale()
	})
	open.mu.Lock()
	defer open.mu.Unlock()
	open.clusters[c] = struct{}{}
}

func forget(c *Cluster) {
	open.mu.Lock()
	defer open.mu.Unlock()
	delete(open.clusters, c)
}

func closeAll() {
	open.mu.Lock()
	var all []*Cluster
	for c := range open.clusters {
		all = append(all, c)
	}
	open.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range all {
		wg.Go(func() { _ = c.Close() })
	}
	wg.Wait()
}

// staleAge keeps removeStale from folders whose process has just made them and has not
// locked them yet.
const staleAge = time.Minute

// removeStale removes the folders of processes that ended without Close, such as by kill -9:
// their locks are free.
func removeStale() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), workDirPrefix+"*"))
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil || time.Since(info.ModTime()) < staleAge {
			continue
		}
		lock, err := tryLock(filepath.Join(dir, "lock"))
		if err != nil {
			continue
		}
		_ = os.RemoveAll(dir)
		lock.unlock()
	}
}
