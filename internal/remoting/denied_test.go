package remoting

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/holdfast-mq/holdfast"
)

func TestDeniedReadsEveryVersion(t *testing.T) {
	t.Parallel()
	require.True(t, Denied(fmt.Errorf("wrapped: %w", &holdfast.BrokerError{Code: NoPermission})))
	require.True(t, Denied(&holdfast.BrokerError{Code: SystemError, Remark: "org.apache.rocketmq.acl.common.AclException: No default permission for topic:T"}))
	require.False(t, Denied(&holdfast.BrokerError{Code: SystemError, Remark: "java.lang.RuntimeException"}))
	require.False(t, Denied(&holdfast.BrokerError{Code: TopicNotExist}))
	require.False(t, Denied(errors.New("?")))
}

// Brokers before 5.0 leave the field out of what they sign, whatever the version of the
// request; later ones do so for the version that QueryByUniqueKey gives.
func TestUniqueKeyQueryIsNotPartOfAnOlderSignature(t *testing.T) {
	t.Parallel()
	header := QueryMessageHeader{Topic: "orders", Key: "A1", MaxNum: 8, UniqueKeyQuery: true}
	with, without := NewRequest(QueryMessage, header, nil), NewRequest(QueryMessage, header, nil)
	delete(without.Ext, uniqueKeyQuery)

	with.Version = versionBefore494
	with.Sign("key", "secret")
	without.Sign("key", "secret")
	require.Equal(t, without.Ext[signatureField], with.Ext[signatureField])
	require.True(t, with.VerifySignature("secret"))

	with.Version = protocolVersion
	with.Sign("key", "secret")
	require.NotEqual(t, without.Ext[signatureField], with.Ext[signatureField])
}
