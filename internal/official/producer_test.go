package official

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestAProducerNeverStartedCanBeShutDown(t *testing.T) {
	t.Parallel()
	c := holdfast.Cluster{NameServers: []string{"127.0.0.1:1"}}
	p, err := NewProducer(c, "group", nil)
	require.NoError(t, err)
	other, err := NewProducer(c, "group", nil)
	require.NoError(t, err)
	require.NotEqual(t, ClientID(p), ClientID(other))
	require.NoError(t, other.Start())

	require.NoError(t, p.Shutdown())
	require.NoError(t, p.Shutdown(), "a second time changes nothing")

	_, err = other.SendSync(t.Context())
	require.Equal(t, Invalid, Classify(err).Kind, "the other producer still runs: %v", err)
	require.NoError(t, other.Shutdown())
	_, err = other.SendSync(t.Context())
	require.Equal(t, NotStarted, Classify(err).Kind)
}
