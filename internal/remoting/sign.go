package remoting

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"slices"
)

const (
	accessKeyField = "AccessKey"
	signatureField = "Signature"

	// uniqueKeyQuery is not part of the signature of a request with a version up to 4.9.3's,
	// and never for a broker before 5.0.
	uniqueKeyQuery   = "_UNIQUE_KEY_QUERY"
	versionBefore494 = 399
)

// Sign adds AccessKey and Signature to the request: base64 of HMAC-SHA1 over the values of
// all header fields, in the order of their names, and the body.
func (c *Command) Sign(accessKey, secretKey string) {
	if c.Ext == nil {
		c.Ext = map[string]string{}
	}
	c.Ext[accessKeyField] = accessKey
	c.Ext[signatureField] = c.signature(secretKey)
}

// VerifySignature reports whether the request was signed with secretKey.
func (c *Command) VerifySignature(secretKey string) bool {
	return hmac.Equal([]byte(c.Ext[signatureField]), []byte(c.signature(secretKey)))
}

// AccessKey is who signed the request; empty for an unsigned one.
func (c *Command) AccessKey() string { return c.Ext[accessKeyField] }

func (c *Command) signature(secretKey string) string {
	mac := hmac.New(sha1.New, []byte(secretKey))
	for _, name := range slices.Sorted(maps.Keys(c.Ext)) {
		if name != signatureField && !(name == uniqueKeyQuery && c.Version <= versionBefore494) {
			mac.Write([]byte(c.Ext[name]))
		}
	}
	mac.Write(c.Body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
