package rules

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// capabilities are the packages that meet only through the root's nouns, so that each can be
// adopted, read and replaced alone.
var capabilities = []string{"producer", "consumer", "txn", "idempotency", "outbox", "durability"}

// An exemption is a place where a rule about production code does not hold.
type exemption struct {
	dir        string
	constructs bool // may use the official client's constructors and options
	tests      bool // may import testing, rmqtest and packages whose name ends in test
	why        string
}

// exemptions is the whole list; beside it, files that end in _test.go are exempt everywhere.
var exemptions = []exemption{
	{dir: "internal/official", constructs: true, why: "it is the one place that does"},
	{dir: "bench", constructs: true, tests: true, why: "runs the raw client beside holdfast"},
	{dir: "examples", constructs: true, tests: true, why: "shows what the raw client loses, on the in-process cluster too"},
	{dir: "integration", constructs: true, tests: true, why: "its suites drive the raw client against real brokers"},
	{dir: "sqltest", constructs: true, tests: true, why: "a suite of crash tests"},
	{dir: "internal/conformance", constructs: true, tests: true, why: "a suite for the in-process cluster and real brokers, with the raw client as witness"},
	{dir: "idempotency/storetest", tests: true, why: "a suite for the tests of stores"},
	{dir: "rmqtest", tests: true, why: "it is for tests"},
	{dir: "internal/conformance", constructs: true, tests: true, why: "a suite of tests for rmqtest and real brokers, with the raw client"},
}

func isExempt(s source, from func(exemption) bool) bool {
	return s.isTest() || slices.ContainsFunc(exemptions, func(e exemption) bool {
		return from(e) && within(s.dir(), e.dir)
	})
}

// checkNeighbours says which of our packages the file may not know, by where it stands.
func checkNeighbours(s source) (complaints []string) {
	if s.isTest() {
		return nil // an example or a test may bring any packages together
	}
	for _, i := range s.imports() {
		dir, isOurs := i.local()
		if !isOurs {
			continue
		}
		switch allowed, rule := neighbours(s.dir()); {
		case allowed == nil:
		case dir == "." && slices.Contains(allowed, "."):
		case slices.ContainsFunc(allowed, func(a string) bool { return a != "." && within(dir, a) }):
		default:
			complaints = append(complaints, fmt.Sprintf("%s imports %s: %s", s.path, i.path, rule))
		}
	}
	return complaints
}

// neighbours returns what a package in dir may import of ours; nil means anything.
func neighbours(dir string) (allowed []string, rule string) {
	switch {
	case dir == ".":
		return []string{"none"}, "the root imports no other package of ours"
	case within(dir, "dialect"):
		return []string{"dialect"}, "dialect imports no other package of ours"
	case within(dir, "internal/conformance"):
		return nil, "" // a suite of tests
	case within(dir, "internal"):
		return []string{".", "dialect", "internal"}, "internal packages import only the root, dialect and internal"
	}
	for _, c := range capabilities {
		if within(dir, c) {
			return []string{".", "dialect", "internal", c},
				c + " imports only the root, dialect and internal: meet through the root's interfaces"
		}
	}
	return nil, ""
}

// checkNoTestPackages says which packages made for tests a production file imports.
func checkNoTestPackages(s source) (complaints []string) {
	if isExempt(s, func(e exemption) bool { return e.tests }) {
		return nil
	}
	for _, i := range s.imports() {
		if isTestPackage(i.path) {
			complaints = append(complaints, fmt.Sprintf("%s imports %s: production code imports no package made for tests", s.path, i.path))
		}
	}
	return complaints
}

func isTestPackage(importPath string) bool {
	if importPath == "testing" || strings.HasPrefix(importPath, "testing/") || within(importPath, "github.com/stretchr/testify") {
		return true
	}
	return slices.ContainsFunc(strings.Split(importPath, "/"), func(element string) bool {
		return strings.HasSuffix(element, "test") || element == "conformance" // rmqtest, storetest, httptest, sqltest
	})
}

// constructors says which names of the official client only internal/official may use: what
// constructs, what configures, and what is global to the process.
var constructors = map[string][]string{
	official:                []string{"New"},
	official + "/admin":     []string{"New", "With"},
	official + "/consumer":  []string{"New", "With"},
	official + "/producer":  []string{"New", "With"},
	official + "/rlog":      []string{"Set"},
	official + "/primitive": []string{"PanicHandler", "SetCompressedFlag"},
}

// checkConstruction says where the file uses one of constructors. A mention is enough: a
// function value would be called sooner or later.
func checkConstruction(s source) (complaints []string) {
	if isExempt(s, func(e exemption) bool { return e.constructs }) {
		return nil
	}
	const rule = "only internal/official constructs, configures or changes the official client"
	packages := map[string]string{} // the file's name for it: its path
	for _, i := range s.imports() {
		if constructors[i.path] == nil {
			continue
		}
		if i.name == "." {
			complaints = append(complaints, fmt.Sprintf("%s imports %s with a dot, which hides its use: %s", s.path, i.path, rule))
		}
		packages[i.name] = i.path
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		name, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		isOne := func(prefix string) bool { return strings.HasPrefix(selector.Sel.Name, prefix) }
		if slices.ContainsFunc(constructors[packages[name.Name]], isOne) {
			complaints = append(complaints, fmt.Sprintf("%s uses %s.%s: %s", s.path, name.Name, selector.Sel.Name, rule))
		}
		return true
	})
	return complaints
}
