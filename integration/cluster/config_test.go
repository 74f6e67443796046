package cluster

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestConfigComplainsAboutEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Config{Flavour: 9, Version: "three", Extra: map[string]string{"a=b": "c", "d": "e\nf=g"}})

	require.ErrorContains(t, err, "Flavour 9 is unknown")
	require.ErrorContains(t, err, `Version "three" is neither 4.x nor 5.x`)
	require.ErrorContains(t, err, `Extra["a=b"]`)
	require.ErrorContains(t, err, `Extra["d"]`)
}

func TestConfigTextIsSortedAndPathsWin(t *testing.T) {
	t.Parallel()
	spec := Spec{Config: map[string]string{"b": "2", "a": "1", "storePathRootDir": "elsewhere"}}

	require.Equal(t, "a=1\nb=2\nstorePathCommitLog=/s/commitlog\nstorePathRootDir=/s\n", spec.ConfigText(StorePaths("/s")))
}
