package main

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheMachineIsDescribed(t *testing.T) {
	t.Parallel()
	m := machine("5.4.0")
	require.Contains(t, m, runtime.Version())
	require.Contains(t, m, "RocketMQ 5.4.0")
}

func TestAFieldIsReadFromItsFirstLine(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cpuinfo")
	require.NoError(t, os.WriteFile(file, []byte("vendor\t: X\nmodel name\t: Some CPU: v2\nmodel name\t: other\n"), 0o600))
	require.Equal(t, "Some CPU: v2", procField(file, "model name"))
	require.Empty(t, procField(file, "model"))
	require.Empty(t, procField(file+"-absent", "model name"))
}
