package rmqtest

import (
	"fmt"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

// authenticate refuses requests that are not signed with the cluster's keys.
func (b *Broker) authenticate(c *call) (refusal, bool) {
	if !b.options.signed {
		return refusal{}, true
	}
	switch user := c.request.AccessKey(); {
	case user == "":
		return refusal{remoting.NoPermission, "username cannot be null."}, false
	case user != b.options.accessKey:
		return refusal{remoting.NoPermission, fmt.Sprintf("User:%s is not found.", user)}, false
	case !c.request.VerifySignature(b.options.secretKey):
		return refusal{remoting.NoPermission, "check signature failed."}, false
	default:
		return refusal{}, true
	}
}
