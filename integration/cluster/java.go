package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

const javaRemedy = "install a Java 17 runtime, such as Debian's openjdk-17-jre-headless"

// java is the Java runtime that nodes run on.
type java struct {
	path    string
	version string // all that java -version prints
}

// findJava looks in JAVA_HOME, then on the PATH.
func findJava(ctx context.Context) (java, error) {
	path := filepath.Join(os.Getenv("JAVA_HOME"), "bin", "java")
	if os.Getenv("JAVA_HOME") == "" {
		var err error
		if path, err = exec.LookPath("java"); err != nil {
			return java{}, errors.New("cluster: java is not on the PATH: " + javaRemedy)
		}
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return java{}, fmt.Errorf("cluster: %s -version: %w: %s", path, err, javaRemedy)
	}
	if major := javaMajor(string(out)); major < 17 {
		return java{}, fmt.Errorf("cluster: %s is Java %d, 17 is needed: %s", path, major, javaRemedy)
	}
	return java{path, string(out)}, nil
}

var javaVersion = regexp.MustCompile(`version "(\d+)`)

// javaMajor reads 17 from `openjdk version "17.0.15" 2025-04-15`, 1 from Java 8's "1.8.0",
// and 0 from anything else.
func javaMajor(printed string) int {
	match := javaVersion.FindStringSubmatch(printed)
	if match == nil {
		return 0
	}
	major, _ := strconv.Atoi(match[1])
	return major
}

// java17Flags let RocketMQ run on Java 17.
func java17Flags() []string {
	return []string{
		"--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
		"--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
		"--add-opens=java.base/java.nio=ALL-UNNAMED",
		"--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
		"--add-opens=java.base/jdk.internal.ref=ALL-UNNAMED",
		"--add-opens=java.base/java.util=ALL-UNNAMED",
		"--add-opens=java.base/java.lang=ALL-UNNAMED",
	}
}

// smallFlags keep a node small and its start quick, on any version of Java.
func smallFlags(kind Kind) []string {
	flags := []string{
		"-XX:TieredStopAtLevel=1",
		// Without TLS no certificate is made at the start, which takes 2 s and more, twice.
		"-Dtls.server.mode=disabled",
		// No files in the temporary folder that a killed process would leave there.
		"-XX:-UsePerfData",
	}
	if kind == NameServer {
		return append(flags, "-Xms96m", "-Xmx128m", "-Xmn48m")
	}
	return append(flags, "-Xms384m", "-Xmx512m", "-Xmn192m", "-XX:MaxDirectMemorySize=256m")
}

func mainClass(kind Kind) string {
	if kind == NameServer {
		return "org.apache.rocketmq.namesrv.NamesrvStartup"
	}
	return "org.apache.rocketmq.broker.BrokerStartup"
}
