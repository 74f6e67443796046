package holdfast_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestClusterListsEveryComplaint(t *testing.T) {
	t.Parallel()
	err := holdfast.Cluster{
		NameServers: []string{"10.0.0.1", "http://ns:9876", ":9876", "ns:0", "ns:70000", "ns:9876"},
		Namespace:   "a%b",
		AccessKey:   "key",
	}.Validate()
	require.Error(t, err)
	for _, words := range []string{
		`NameServers[0] "10.0.0.1" is not an address`, `NameServers[1] "http://ns:9876"`, `NameServers[2] ":9876" has no host`,
		`NameServers[3] "ns:0" has no port`, `NameServers[4] "ns:70000"`, "Namespace", "SecretKey is empty: set both",
	} {
		require.ErrorContains(t, err, words)
	}
	require.NotContains(t, err.Error(), "NameServers[5]")

	require.EqualError(t, holdfast.Cluster{}.Validate(), "holdfast: cluster: NameServers is empty: give at least one host:port")
	require.ErrorContains(t, holdfast.Cluster{NameServers: []string{"ns:1"}, SecretKey: "s"}.Validate(), "AccessKey is empty")
}

func TestClusterTakesEveryKindOfAddress(t *testing.T) {
	t.Parallel()
	require.NoError(t, holdfast.Cluster{NameServers: []string{"10.0.0.1:9876", "ns.example:9876", "[::1]:9876"}, Namespace: "shop", AccessKey: "a", SecretKey: "s"}.Validate())
}

func TestClusterNeverPrintsItsSecret(t *testing.T) {
	t.Parallel()
	c := holdfast.Cluster{NameServers: []string{"ns:9876"}, Namespace: "shop", AccessKey: "key", SecretKey: "hush"}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("made", "cluster", c, "in", []any{c})
	encoded, err := json.Marshal(map[string]any{"cluster": c})
	require.NoError(t, err)
	for _, text := range []string{
		fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x", c, c, c, c, c, c), fmt.Sprintf("%+v", &c), fmt.Sprintf("%#v", struct{ C holdfast.Cluster }{c}),
		c.String(), logged.String(), string(encoded),
	} {
		require.NotContains(t, text, "hush")
		require.Contains(t, text, "ns:9876")
	}
}

func TestNamespaceIsPutInFrontOnce(t *testing.T) {
	t.Parallel()
	c := holdfast.Cluster{Namespace: "shop"}
	for bare, wire := range map[string]string{"orders": "shop%orders", "%RETRY%group": "%RETRY%shop%group", "%DLQ%group": "%DLQ%shop%group"} {
		require.Equal(t, wire, c.Topic(bare))
		require.Equal(t, wire, c.Topic(wire))
		require.Equal(t, bare, c.BareTopic(wire))
		require.Equal(t, bare, c.BareTopic(bare))
	}
	require.Equal(t, "orders", holdfast.Cluster{}.Topic("orders"))
}

func TestClusterFromEnv(t *testing.T) {
	t.Setenv("HOLDFAST_NAME_SERVERS", "a:1;b:2,c:3")
	t.Setenv("HOLDFAST_NAMESPACE", "shop")
	t.Setenv("HOLDFAST_ACCESS_KEY", "key")
	t.Setenv("HOLDFAST_SECRET_KEY", "hush")
	c, err := holdfast.ClusterFromEnv()
	require.NoError(t, err)
	require.Equal(t, []string{"a:1", "b:2", "c:3"}, c.NameServers)
	require.Equal(t, "shop", c.Namespace)
	require.Equal(t, "hush", c.SecretKey)

	t.Setenv("HOLDFAST_NAME_SERVERS", "")
	_, err = holdfast.ClusterFromEnv()
	require.ErrorContains(t, err, "NameServers is empty")
	require.ErrorContains(t, err, "HOLDFAST_NAME_SERVERS")
}
