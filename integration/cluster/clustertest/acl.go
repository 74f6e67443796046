package clustertest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
	"github.com/holdfast-mq/holdfast/integration/cluster"
	"github.com/holdfast-mq/holdfast/internal/remoting"
)

func (s suite) acl(t *testing.T, version string) {
	refusal := remoting.NoPermission
	if version[0] == '4' {
		refusal = remoting.SystemError // an exception, with its name as the remark
	}
	c, admin := s.cluster(t, cluster.Config{Version: version, ACL: true})
	broker := c.Master(0)
	admin.mustSend(t, broker, 1)

	publisher := cluster.Account{
		AccessKey: "publisher", SecretKey: "publisher-secret",
		Rights: []cluster.Right{{Resource: "Topic:" + topic, Actions: []cluster.Action{cluster.Pub}}},
	}
	as, err := c.CreateAccount(t.Context(), publisher)
	require.NoError(t, err)
	limited := newClient(t, as)
	limited.mustSend(t, broker, 1)

	for name, keys := range map[string][2]string{
		"nobody":             {},
		"wrong secret":       {publisher.AccessKey, "wrong-secret"},
		"unknown access key": {"nobody-known", publisher.SecretKey},
	} {
		stranger := newClient(t, holdfast.Cluster{NameServers: as.NameServers, AccessKey: keys[0], SecretKey: keys[1]})
		require.Equal(t, refusal, stranger.answer(t, broker, name), name)
	}

	_, err = limited.Pull(t.Context(), broker.Address(), remoting.PullMessageHeader{
		ConsumerGroup: "clustertest", Topic: topic, MaxMsgNums: 1, SysFlag: remoting.PullSubscription, Subscription: "*",
	})
	require.ErrorIs(t, err, &holdfast.BrokerError{Code: refusal}, "the right to publish is not one to subscribe")
	require.Len(t, admin.stored(t), 2)

	require.NoError(t, broker.Kill())
	require.NoError(t, broker.Restart(t.Context()))
	limited.mustSend(t, broker, 1)
}
