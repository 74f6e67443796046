package rules

import (
	"fmt"
	"go/version"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// rootRequires is everything that the root module may require directly.
var rootRequires = []string{
	official,
	"github.com/google/uuid",
	"github.com/stretchr/testify", // for its tests
	"go.opentelemetry.io/otel",
	"go.opentelemetry.io/otel/metric",
	"go.opentelemetry.io/otel/trace",
}

// rootGo is the language version of the root module, so that users need nothing newer.
const rootGo = "go1.25"

// heavy must not appear in the root's go.mod at all: such things start at a nested module.
var heavy = map[string]*regexp.Regexp{
	"a SQL driver":           regexp.MustCompile(`jackc/pgx|lib/pq|go-sql-driver/|modernc\.org/sqlite|mattn/go-sqlite3|ncruces/go-sqlite3`),
	"a Redis client":         regexp.MustCompile(`redis|valkey`),
	"testcontainers":         regexp.MustCompile(`testcontainers|docker/docker|moby/`),
	"x/tools":                regexp.MustCompile(`^golang\.org/x/tools$`),
	"a command-line library": regexp.MustCompile(`spf13/|urfave/cli|alecthomas/kong`),
	"an OpenTelemetry SDK":   regexp.MustCompile(`go\.opentelemetry\.io/otel/(sdk|exporters)`),
}

// A module is what the rules look at in a go.mod; the field names are those of
// `go mod edit -json`.
type module struct {
	Dir       string `json:"-"` // from the root of the tree
	Module    struct{ Path string }
	Go        string
	Toolchain string
	Require   []struct {
		Path     string
		Indirect bool
	}
	Replace []struct{ Old, New struct{ Path string } }
}

// checkRoot says what is wrong with the root's go.mod.
func checkRoot(m module) (complaints []string) {
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf("go.mod: "+format, args...))
	}
	if m.Module.Path != ours {
		complain("the module is %q: it is %s", m.Module.Path, ours)
	}
	if version.Lang("go"+m.Go) != rootGo || m.Toolchain != "" {
		complain("go %s, toolchain %q: the root asks its users for %s and no toolchain", m.Go, m.Toolchain, rootGo)
	}
	if len(m.Replace) > 0 {
		complain("replace %s: users would not get it", m.Replace[0].Old.Path)
	}
	missing := slices.Clone(rootRequires)
	for _, r := range m.Require {
		if !r.Indirect && !slices.Contains(rootRequires, r.Path) {
			complain("requires %s: the root requires only %s", r.Path, strings.Join(rootRequires, ", "))
		}
		if !r.Indirect {
			missing = slices.DeleteFunc(missing, func(p string) bool { return p == r.Path })
		}
		for _, what := range slices.Sorted(maps.Keys(heavy)) {
			if heavy[what].MatchString(r.Path) {
				complain("%s is %s: move what needs it to a nested module", r.Path, what)
			}
		}
	}
	if len(missing) > 0 {
		complain("does not require %s", strings.Join(missing, ", "))
	}
	return complaints
}

// checkNested says what is wrong with the go.mod of a nested module: its name, and a replace
// directive for each of our modules that it needs, so that it builds with GOWORK=off.
func checkNested(m module) (complaints []string) {
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf(m.Dir+"/go.mod: "+format, args...))
	}
	if want := path.Join(ours, m.Dir); m.Module.Path != want {
		complain("the module is %q: it is %s", m.Module.Path, want)
	}
	for _, r := range m.Require {
		if r.Path != ours && !strings.HasPrefix(r.Path, ours+"/") {
			continue
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(r.Path, ours), "/")
		relative, err := filepath.Rel(m.Dir, path.Join(".", dir))
		if err != nil {
			complain("%s: %v", r.Path, err)
			continue
		}
		want := path.Clean(filepath.ToSlash(relative))
		if !strings.HasPrefix(want, "../") && want != ".." {
			want = "./" + want
		}
		found := ""
		for _, replace := range m.Replace {
			if replace.Old.Path == r.Path {
				found = strings.TrimSuffix(replace.New.Path, "/")
			}
		}
		if found != want {
			complain("%s is replaced by %q: write replace %s => %s", r.Path, found, r.Path, want)
		}
	}
	return complaints
}

// A workspace is what the rules look at in go.work; the field names are those of
// `go work edit -json`.
type workspace struct {
	Go      string
	Use     []struct{ DiskPath string }
	Replace []struct{ Old, New struct{ Path string } }
}

// checkWorkspace says what is wrong with go.work: it names every module of the tree, and the
// language version that the newest of them needs.
func checkWorkspace(w workspace, modules []module) (complaints []string) {
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Sprintf("go.work: "+format, args...))
	}
	used := map[string]bool{}
	for _, use := range w.Use {
		used[path.Clean(use.DiskPath)] = true
	}
	for _, m := range modules {
		if !used[m.Dir] {
			complain("./%s is missing: go work use ./%s", m.Dir, m.Dir)
		}
		if version.Compare("go"+m.Go, "go"+w.Go) > 0 {
			complain("go %s, but %s needs %s: go work edit -go=%s", w.Go, m.Dir, m.Go, m.Go)
		}
	}
	if len(w.Replace) > 0 {
		complain("replace %s: it would hide what users get; replace in the nested module", w.Replace[0].Old.Path)
	}
	return complaints
}
