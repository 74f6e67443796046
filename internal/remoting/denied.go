package remoting

import (
	"errors"
	"strings"

	"github.com/holdfast-mq/holdfast"
)

// aclException begins the remark of a refusal by brokers before 5.0 with access control: they
// answer SYSTEM_ERROR, from a hook that runs before any request is handled.
const aclException = "org.apache.rocketmq.acl.common.AclException"

// Denied says that err is a refusal for want of permission, in the words of any version.
// Nothing was done about the request.
func Denied(err error) bool {
	refused := (*holdfast.BrokerError)(nil)
	if !errors.As(err, &refused) {
		return false
	}
	return refused.Code == NoPermission || refused.Code == SystemError && strings.HasPrefix(refused.Remark, aclException)
}
