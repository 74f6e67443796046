package container

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImageNames(t *testing.T) {
	for variable, want := range map[string]string{
		"":                              "apache/rocketmq:4.9.7",
		"mirror.local:5000/rocketmq":    "mirror.local:5000/rocketmq:4.9.7",
		"mirror.local:5000/rocketmq:x":  "mirror.local:5000/rocketmq:x",
		"rocketmq@sha256:0123456789abc": "rocketmq@sha256:0123456789abc",
	} {
		t.Setenv("HOLDFAST_ROCKETMQ_IMAGE", variable)
		require.Equal(t, want, imageOf("4.9.7"), variable)
	}
}
