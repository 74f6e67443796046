// Package rules keeps the rules of the house: which package may import which, who may
// construct the official client, and what the go.mod files and go.work must say. It has no
// code of its own, only tests; each rule is also shown to refuse a small violation.
package rules
