package rules

import (
	"encoding/json"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTreeObeysTheModuleRules(t *testing.T) {
	t.Parallel()
	var modules []module
	walk(t, func(name, full string) {
		if path.Base(name) == "go.mod" {
			m := module{Dir: path.Dir(name)}
			readJSON(t, &m, "mod", "edit", "-json", full)
			modules = append(modules, m)
		}
	})
	var complaints []string
	for _, m := range modules {
		if m.Dir == "." {
			complaints = append(complaints, checkRoot(m)...)
		} else {
			complaints = append(complaints, checkNested(m)...)
		}
	}
	var w workspace
	readJSON(t, &w, "work", "edit", "-json", filepath.Join(root(t), "go.work"))
	complaints = append(complaints, checkWorkspace(w, modules)...)

	for _, complaint := range complaints {
		t.Error(complaint)
	}
}

// readJSON decodes what a go command prints. The working directory has no say in it.
func readJSON(t *testing.T, into any, args ...string) {
	t.Helper()
	command := exec.Command("go", args...)
	command.Dir = t.TempDir()
	command.Env = append(os.Environ(), "GOWORK=off")
	command.Stderr = os.Stderr
	out, err := command.Output()
	require.NoError(t, err, "go %v", args)
	require.NoError(t, json.Unmarshal(out, into))
}

func TestTheRootModuleRulesRefuseViolations(t *testing.T) {
	t.Parallel()
	good := "module " + ours + "\ngo 1.25.0\n"
	for _, r := range rootRequires {
		good += "require " + r + " " + someVersion(r) + "\n"
	}
	for _, row := range []struct{ name, text, want string }{
		{"as it should be", good, ""},
		{"a raised indirect dependency", good + "require github.com/sirupsen/logrus v1.9.4 // indirect\n", ""},
		{"another module", "module github.com/other/holdfast\n" + good[len("module "+ours+"\n"):], "the module is"},
		{"a newer language", good + "toolchain go1.26.1\n", "asks its users for go1.25"},
		{"a replace directive", good + "replace github.com/google/uuid => ../uuid\n", "users would not get it"},
		{"a direct dependency more", good + "require github.com/pkg/errors v0.9.1\n", "requires github.com/pkg/errors: the root requires only"},
		{"a SQL driver", good + "require github.com/jackc/pgx/v5 v5.7.0 // indirect\n", "is a SQL driver"},
		{"a Redis client", good + "require github.com/redis/go-redis/v9 v9.7.0 // indirect\n", "is a Redis client"},
		{"containers", good + "require github.com/testcontainers/testcontainers-go v0.35.0 // indirect\n", "is testcontainers"},
		{"tools", good + "require golang.org/x/tools v0.29.0 // indirect\n", "is x/tools"},
		{"a command-line library", good + "require github.com/spf13/cobra v1.8.1 // indirect\n", "is a command-line library"},
		{"a direct dependency less", "module " + ours + "\ngo 1.25.0\n", "does not require " + official},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			complaints := checkRoot(moduleFrom(t, ".", row.text))
			requireOne(t, row.want, complaints)
		})
	}
}

func TestTheNestedModuleRulesRefuseViolations(t *testing.T) {
	t.Parallel()
	const needsRoot = "go 1.25.0\nrequire " + ours + " v0.0.0\n"
	for _, row := range []struct{ name, dir, text, want string }{
		{"as it should be", "bench", "module " + ours + "/bench\n" + needsRoot + "replace " + ours + " => ../\n", ""},
		{"two deep", "integration/cluster/container", "module " + ours + "/integration/cluster/container\n" + needsRoot +
			"require " + ours + "/integration v0.0.0\nreplace " + ours + " => ../../..\nreplace " + ours + "/integration => ../..\n", ""},
		{"a module below it", "integration", "module " + ours + "/integration\ngo 1.25.0\nrequire " + ours + "/integration/cluster/container v0.0.0\n" +
			"replace " + ours + "/integration/cluster/container => ./cluster/container\n", ""},
		{"another name", "bench", "module example.com/bench\ngo 1.25.0\n", "the module is"},
		{"no replace", "bench", "module " + ours + "/bench\n" + needsRoot, "write replace"},
		{"replaced by another tree", "bench", "module " + ours + "/bench\n" + needsRoot + "replace " + ours + " => /tmp/holdfast\n", "write replace"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			requireOne(t, row.want, checkNested(moduleFrom(t, row.dir, row.text)))
		})
	}
}

func TestTheWorkspaceRulesRefuseViolations(t *testing.T) {
	t.Parallel()
	modules := []module{
		moduleFrom(t, ".", "module "+ours+"\ngo 1.25.0\n"),
		moduleFrom(t, "bench", "module "+ours+"/bench\ngo 1.26.0\n"),
	}
	for _, row := range []struct{ name, text, want string }{
		{"as it should be", "go 1.26.0\nuse (\n\t.\n\t./bench\n)\n", ""},
		{"a module missing", "go 1.26.0\nuse .\n", "./bench is missing"},
		{"too old a language", "go 1.25.0\nuse (\n\t.\n\t./bench\n)\n", "but bench needs 1.26.0"},
		{"a replace directive", "go 1.26.0\nuse (\n\t.\n\t./bench\n)\nreplace github.com/google/uuid => ./uuid\n", "it would hide what users get"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "go.work")
			require.NoError(t, os.WriteFile(file, []byte(row.text), 0o600))
			var w workspace
			readJSON(t, &w, "work", "edit", "-json", file)
			requireOne(t, row.want, checkWorkspace(w, modules))
		})
	}
}

func moduleFrom(t *testing.T, dir, text string) module {
	t.Helper()
	file := filepath.Join(t.TempDir(), "go.mod")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	m := module{Dir: dir}
	readJSON(t, &m, "mod", "edit", "-json", file)
	return m
}

// requireOne wants exactly one complaint with these words in it, or none for "".
func requireOne(t *testing.T, want string, complaints []string) {
	t.Helper()
	if want == "" {
		require.Empty(t, complaints)
		return
	}
	require.Len(t, complaints, 1)
	require.Contains(t, complaints[0], want)
}

func someVersion(module string) string {
	if module == official {
		return "v2.1.2"
	}
	return "v1.0.0"
}
