package cluster

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFoldersOfDeadProcessesAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	folder := func(name string) string {
		dir := filepath.Join(os.TempDir(), workDirPrefix+name)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "store"), 0o755))
		return dir
	}
	old := func(dir string) {
		then := time.Now().Add(-time.Hour)
		require.NoError(t, os.Chtimes(dir, then, then))
	}
	dead, fresh, alive := folder("dead"), folder("fresh"), folder("alive")
	lock, err := tryLock(filepath.Join(alive, "lock"))
	require.NoError(t, err)
	defer lock.unlock()
	old(dead) // fresh is not: its process may be about to lock it
	old(alive)

	removeStale()

	require.NoDirExists(t, dead)
	require.DirExists(t, fresh)
	require.DirExists(t, alive)
}
