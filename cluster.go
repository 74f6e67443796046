package holdfast

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
)

// Cluster says how to reach a RocketMQ cluster and who is asking. It is a value: copy it
// freely. Nothing is connected by having one.
//
// A Cluster never prints its SecretKey, whatever the verb or the logger.
type Cluster struct {
	// NameServers are host:port pairs; a DNS name, an IPv4 address or an IPv6 address in
	// brackets. At least one is needed; all of them are tried.
	NameServers []string

	// Namespace is put in front of topics and groups on the wire ("ns%topic"), as the
	// official clients do. Handlers and results see the bare names. Empty means none.
	Namespace string

	// AccessKey and SecretKey sign every request when both are set (ACL 1.0 and 2.0 use the
	// same signature). One without the other is an error.
	AccessKey, SecretKey string
}

// Validate returns nil if the cluster can be used, and otherwise one error that lists every
// complaint, each with the field and the remedy. It connects to nothing.
func (c Cluster) Validate() error {
	var complaints []error
	complain := func(format string, args ...any) {
		complaints = append(complaints, fmt.Errorf("holdfast: cluster: "+format, args...))
	}

	if len(c.NameServers) == 0 {
		complain("NameServers is empty: give at least one host:port")
	}
	for i, address := range c.NameServers {
		if reason := badAddress(address); reason != "" {
			complain("NameServers[%d] %q %s: write host:port, such as 10.0.0.1:9876", i, address, reason)
		}
	}
	if strings.ContainsAny(c.Namespace, "% \t\r\n\x00\x01\x02") {
		complain("Namespace %q contains %%, white space or a control character: use letters, digits, - and _", c.Namespace)
	}
	if c.AccessKey != "" && c.SecretKey == "" {
		complain("AccessKey is set but SecretKey is empty: set both, or neither")
	}
	if c.AccessKey == "" && c.SecretKey != "" {
		complain("SecretKey is set but AccessKey is empty: set both, or neither")
	}
	return errors.Join(complaints...)
}

func badAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.Contains(host, "/") {
		return "is not an address"
	}
	if host == "" {
		return "has no host"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "has no port between 1 and 65535"
	}
	return ""
}

// Topic returns the name that topic has on the wire: with the namespace in front, unless it
// is there already. The prefixes %RETRY% and %DLQ% stay in front of the namespace.
func (c Cluster) Topic(topic string) string {
	if c.Namespace == "" {
		return topic
	}
	prefix, bare := splitPrefix(topic)
	if strings.HasPrefix(bare, c.Namespace+"%") {
		return topic
	}
	return prefix + c.Namespace + "%" + bare
}

// BareTopic undoes Topic.
func (c Cluster) BareTopic(topic string) string {
	if c.Namespace == "" {
		return topic
	}
	prefix, name := splitPrefix(topic)
	return prefix + strings.TrimPrefix(name, c.Namespace+"%")
}

func splitPrefix(topic string) (prefix, rest string) {
	for _, p := range [...]string{"%RETRY%", "%DLQ%"} {
		if strings.HasPrefix(topic, p) {
			return p, topic[len(p):]
		}
	}
	return "", topic
}

// String describes the cluster without its secret.
func (c Cluster) String() string {
	s := strings.Join(c.NameServers, ",")
	if c.Namespace != "" {
		s += " namespace=" + c.Namespace
	}
	if c.AccessKey != "" {
		s += " accessKey=" + c.AccessKey + " secretKey=***"
	}
	return s
}

// Format prints String for every verb, so that %+v and %#v do not print the secret.
func (c Cluster) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue logs String.
func (c Cluster) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText returns String, so that encoders do not write the secret either.
func (c Cluster) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// ClusterFromEnv reads a Cluster from the environment and validates it:
//
//	HOLDFAST_NAME_SERVERS  host:port, several separated by commas or semicolons
//	HOLDFAST_NAMESPACE     optional
//	HOLDFAST_ACCESS_KEY    optional, with HOLDFAST_SECRET_KEY
//	HOLDFAST_SECRET_KEY
//
// It is the only thing in holdfast that reads the environment. The error is Validate's.
func ClusterFromEnv() (Cluster, error) {
	c := Cluster{
		NameServers: strings.FieldsFunc(os.Getenv("HOLDFAST_NAME_SERVERS"), func(r rune) bool {
			return r == ',' || r == ';' || r == ' '
		}),
		Namespace: os.Getenv("HOLDFAST_NAMESPACE"),
		AccessKey: os.Getenv("HOLDFAST_ACCESS_KEY"),
		SecretKey: os.Getenv("HOLDFAST_SECRET_KEY"),
	}
	if err := c.Validate(); err != nil {
		return Cluster{}, fmt.Errorf("%w (read from HOLDFAST_NAME_SERVERS, HOLDFAST_NAMESPACE, HOLDFAST_ACCESS_KEY, HOLDFAST_SECRET_KEY)", err)
	}
	return c, nil
}
