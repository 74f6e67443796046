package rules

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ours is the path of the root module; every nested module's path begins with it.
const ours = "github.com/holdfast-mq/holdfast"

// official is the path of the official client.
const official = "github.com/apache/rocketmq-client-go/v2"

// A source is one Go file, whatever its build constraints.
type source struct {
	path string // from the root of the tree, with slashes
	ast  *ast.File
}

func (s source) dir() string  { return path.Dir(s.path) }
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// imports returns the paths that the file imports, by the name it gives them.
func (s source) imports() []imported {
	var all []imported
	for _, spec := range s.ast.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so this cannot be
		}
		name := path.Base(p)
		if p == official {
			name = "rocketmq"
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all = append(all, imported{name: name, path: p})
	}
	return all
}

type imported struct{ name, path string }

// local returns the directory, from the root of the tree, of an import that is ours; the
// root package is ".".
func (i imported) local() (dir string, ok bool) {
	if i.path == ours {
		return ".", true
	}
	return strings.CutPrefix(i.path, ours+"/")
}

// within says whether dir is top or below it.
func within(dir, top string) bool { return dir == top || strings.HasPrefix(dir, top+"/") }

// parse reads one file's text as a source.
func parse(t *testing.T, name, text string) source {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	require.NoError(t, err)
	return source{path: name, ast: file}
}

// root is the directory of the root module.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dir, "go.mod"))
	return dir
}

// walk visits every file of the tree that Go would look at: not those in hidden folders, in
// testdata, or below a name that begins with an underscore.
func walk(t *testing.T, visit func(name, full string)) {
	t.Helper()
	top := root(t)
	require.NoError(t, filepath.WalkDir(top, func(full string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			if full != top && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(top, full)
		if err == nil {
			visit(filepath.ToSlash(name), full)
		}
		return err
	}))
}

// sources parses every Go file of every module of the tree.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, func(name, full string) {
		if strings.HasSuffix(name, ".go") {
			text, err := os.ReadFile(full)
			require.NoError(t, err)
			all = append(all, parse(t, name, string(text)))
		}
	})
	require.NotEmpty(t, all)
	return all
}
