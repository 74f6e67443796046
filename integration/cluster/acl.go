package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
)

// The administrator's account of every cluster with ACL.
const (
	adminAccessKey = "holdfast-admin"
	adminSecretKey = "holdfast-admin-secret"
)

// addACL turns access control on in the spec of a broker.
func addACL(config Config, spec *Spec) error {
	if config.is4x() {
		spec.Config["aclEnable"] = "true"
		spec.Files["plain_acl.yml"] = plainACL
		return nil
	}
	user, err := json.Marshal(map[string]string{"username": adminAccessKey, "password": adminSecretKey})
	if err != nil {
		return fmt.Errorf("administrator's account: %w", err)
	}
	credentials, err := json.Marshal(map[string]string{"accessKey": adminAccessKey, "secretKey": adminSecretKey})
	if err != nil {
		return fmt.Errorf("administrator's account: %w", err)
	}
	const auth = "org.apache.rocketmq.auth."
	maps.Copy(spec.Config, map[string]string{
		"authenticationEnabled":                "true",
		"authenticationProvider":               auth + "authentication.provider.DefaultAuthenticationProvider",
		"authenticationMetadataProvider":       auth + "authentication.provider.LocalAuthenticationMetadataProvider",
		"authorizationEnabled":                 "true",
		"authorizationProvider":                auth + "authorization.provider.DefaultAuthorizationProvider",
		"authorizationMetadataProvider":        auth + "authorization.provider.LocalAuthorizationMetadataProvider",
		"initAuthenticationUser":               string(user),
		"innerClientAuthenticationCredentials": string(credentials),
	})
	return nil
}

const plainACL = `globalWhiteRemoteAddresses: []
accounts:
- accessKey: ` + adminAccessKey + `
  secretKey: ` + adminSecretKey + `
  admin: true
`
