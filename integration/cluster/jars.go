package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const (
	mavenRemedy = "install Maven, such as Debian's package maven"

	// copyDependencies is the Maven goal that puts a project's jars into a folder; its version
	// is fixed so that every machine resolves alike.
	copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

	projectFile = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>holdfast</groupId><artifactId>rocketmq</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-namesrv</artifactId><version>%[1]s</version></dependency>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-broker</artifactId><version>%[1]s</version></dependency>
    <dependency><groupId>org.apache.rocketmq</groupId><artifactId>rocketmq-tools</artifactId><version>%[1]s</version></dependency>
  </dependencies>
</project>
`
)

// CacheDir is where fetched jars are kept: HOLDFAST_CACHE if it is set, otherwise holdfast in
// the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("HOLDFAST_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cluster: cache folder: %w: set HOLDFAST_CACHE", err)
	}
	return filepath.Join(dir, "holdfast"), nil
}

// distribution is the jars of one version, in the cache.
type distribution struct {
	version string
	dir     string
}

func newDistribution(version string) (distribution, error) {
	cache, err := CacheDir()
	if err != nil {
		return distribution{}, err
	}
	return distribution{version, filepath.Join(cache, "rocketmq-"+version)}, nil
}

func (d distribution) lib() string { return filepath.Join(d.dir, "lib") }

// fetched says that the jars are there, all of them: the folder appears by a rename.
func (d distribution) fetched() bool {
	_, err := os.Stat(d.lib())
	return err == nil
}

// locked runs f while no other process fetches or adds to the same distribution.
func (d distribution) locked(ctx context.Context, f func() error) error {
	if err := os.MkdirAll(filepath.Dir(d.dir), 0o755); err != nil {
		return fmt.Errorf("cluster: cache folder: %w", err)
	}
	lock, err := waitLock(ctx, d.dir+".lock")
	if err != nil {
		return fmt.Errorf("cluster: cache folder: %w", err)
	}
	defer lock.unlock()
	return f()
}

// FetchJars makes sure that the jars of a RocketMQ version are in the cache and returns the
// folder they are in. What it downloads appears all at once or not at all, and processes that
// want the same jars wait for the one that fetches.
func FetchJars(ctx context.Context, version string) (dir string, err error) {
	d, err := newDistribution(version)
	if err != nil || d.fetched() {
		return d.lib(), err
	}
	return d.lib(), d.locked(ctx, func() error {
		if d.fetched() {
			return nil
		}
		return d.fetch(ctx)
	})
}

func findMaven() (string, error) {
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return "", errors.New("cluster: mvn is not on the PATH: " + mavenRemedy)
	}
	return maven, nil
}

func (d distribution) fetch(ctx context.Context) error {
	maven, err := findMaven()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp(filepath.Dir(d.dir), "fetch-")
	if err != nil {
		return fmt.Errorf("cluster: cache folder: %w", err)
	}
	defer os.RemoveAll(temp)

	project := filepath.Join(temp, "pom.xml")
	if err := os.WriteFile(project, fmt.Appendf(nil, projectFile, d.version), 0o644); err != nil {
		return fmt.Errorf("cluster: cache folder: %w", err)
	}
	cmd := exec.CommandContext(ctx, maven, "-q", "-B", "-f", project, copyDependencies,
		"-DincludeScope=runtime", "-DoutputDirectory="+filepath.Join(temp, "rocketmq", "lib"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cluster: Maven could not fetch RocketMQ %s: %w\n%s", d.version, err, lastLines(string(out), 20))
	}
	if err := os.Rename(filepath.Join(temp, "rocketmq"), d.dir); err != nil {
		return fmt.Errorf("cluster: cache folder: %w", err)
	}
	return nil
}

// classPath lists the jars one by one in a fixed order: a class archive is only good for the
// class path that it was made with, and the order of a wildcard is not fixed.
func (d distribution) classPath() (string, error) {
	jars, err := filepath.Glob(filepath.Join(d.lib(), "*.jar"))
	if err != nil || len(jars) == 0 {
		return "", fmt.Errorf("cluster: no jars in %s: remove the folder, so that they are fetched again", d.lib())
	}
	slices.Sort(jars)
	return strings.Join(jars, string(os.PathListSeparator)), nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
