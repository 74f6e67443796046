package cluster

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeMaven puts a script named mvn in front of the PATH, and an empty cache. The script sees
// the folder that jars are wanted in as $out and writes a line to the returned file per run.
func fakeMaven(t *testing.T, script string) (cache, runs string) {
	t.Helper()
	bin := t.TempDir()
	cache = t.TempDir()
	runs = filepath.Join(bin, "runs")
	text := "#!/bin/sh\necho run >> " + runs + "\nfor a; do case $a in -DoutputDirectory=*) out=${a#*=};; esac; done\nmkdir -p \"$out\"\n" + script
	require.NoError(t, os.WriteFile(filepath.Join(bin, "mvn"), []byte(text), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("HOLDFAST_CACHE", cache)
	return cache, runs
}

func TestJarsAreFetchedOnceForAll(t *testing.T) {
	_, runs := fakeMaven(t, `touch "$out/rocketmq-broker.jar"`)

	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			dir, err := FetchJars(t.Context(), "5.4.0")
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := os.Stat(filepath.Join(dir, "rocketmq-broker.jar")); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()

	lines, err := os.ReadFile(runs)
	require.NoError(t, err)
	require.Equal(t, "run\n", string(lines))
}

func TestFailedFetchLeavesNoJars(t *testing.T) {
	cache, _ := fakeMaven(t, `touch "$out/half.jar"; echo "no such artifact"; exit 1`)

	_, err := FetchJars(t.Context(), "5.4.0")
	require.ErrorContains(t, err, "Maven could not fetch RocketMQ 5.4.0")
	require.ErrorContains(t, err, "no such artifact")

	left, err := filepath.Glob(filepath.Join(cache, "*", "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	d, err := newDistribution("5.4.0")
	require.NoError(t, err)
	require.False(t, d.fetched())
}

func TestFetchEndsWithItsContext(t *testing.T) {
	fakeMaven(t, `exec sleep 60`)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := FetchJars(ctx, "5.4.0")
	require.ErrorIs(t, err, context.Canceled)
}

func TestMissingProgramsAreNamedWithTheirRemedy(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("JAVA_HOME", "")
	t.Setenv("HOLDFAST_CACHE", t.TempDir())

	require.EqualError(t, Available(), "cluster: java is not on the PATH: install a Java 17 runtime, such as Debian's openjdk-17-jre-headless")
	_, err := FetchJars(t.Context(), "5.4.0")
	require.EqualError(t, err, "cluster: mvn is not on the PATH: install Maven, such as Debian's package maven")
}

func TestOldJavaIsRefused(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(home, "bin"), 0o755))
	t.Setenv("JAVA_HOME", home)
	for printed, want := range map[string]string{
		`openjdk version "17.0.15" 2025-04-15`: "",
		`openjdk version "21" 2023-09-19`:      "",
		`openjdk version "11.0.2" 2019-01-15`:  "is Java 11, 17 is needed",
		`java version "1.8.0_202"`:             "is Java 1, 17 is needed",
		`command not found`:                    "is Java 0, 17 is needed",
	} {
		script := "#!/bin/sh\ncat <<'E' >&2\n" + printed + "\nE\n"
		require.NoError(t, os.WriteFile(filepath.Join(home, "bin", "java"), []byte(script), 0o755))
		j, err := findJava(t.Context())
		if want == "" {
			require.NoError(t, err)
			require.Contains(t, j.version, printed)
		} else {
			require.ErrorContains(t, err, want)
		}
	}
}
