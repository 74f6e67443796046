package remoting

import (
	"slices"
	"strings"
)

// The separators of the property string: name \x01 value \x02 ...
const (
	nameValueSeparator = '\x01'
	propertySeparator  = '\x02'
)

// EncodeProperties writes properties as brokers store them, in the order of their names.
// Names and values that contain a separator must be refused before.
func EncodeProperties(properties map[string]string) string {
	size, names := 0, make([]string, 0, len(properties))
	for name, value := range properties {
		names = append(names, name)
		size += len(name) + len(value) + 2
	}
	slices.Sort(names)

	var b strings.Builder
	b.Grow(size)
	for _, name := range names {
		b.WriteString(name)
		b.WriteByte(nameValueSeparator)
		b.WriteString(properties[name])
		b.WriteByte(propertySeparator)
	}
	return b.String()
}

// DecodeProperties reads a property string. What has no name, no value or no separator is
// passed over, as brokers do; the last property may lack its separator.
func DecodeProperties(s string) map[string]string {
	properties := map[string]string{}
	for item := range strings.SplitSeq(s, string(propertySeparator)) {
		if name, value, ok := strings.Cut(item, string(nameValueSeparator)); ok && name != "" && value != "" {
			properties[name] = value
		}
	}
	return properties
}
