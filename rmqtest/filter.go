package rmqtest

import (
	"strings"
	"unicode/utf16"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	allTags = "*"
	byTag   = "TAG"
)

// newSubscription reads an expression such as "a || b"; empty means everything.
func newSubscription(topic, expression, expressionType string, version int64) remoting.Subscription {
	s := remoting.Subscription{Topic: topic, SubString: expression, SubVersion: version, ExpressionType: expressionType, Tags: []string{}, Codes: []int32{}}
	if s.ExpressionType == "" {
		s.ExpressionType = byTag
	}
	if s.ExpressionType != byTag {
		return s
	}
	if expression == "" || expression == allTags {
		s.SubString = allTags
		return s
	}
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			s.Tags = append(s.Tags, tag)
			s.Codes = append(s.Codes, javaHash(tag))
		}
	}
	return s
}

// matches compares hash codes only, as brokers do: the consumer compares the tags again.
func matches(s *remoting.Subscription, m *stored) bool {
	if s.SubString == allTags {
		return true
	}
	for _, code := range s.Codes {
		if int64(code) == m.tagsCode {
			return true
		}
	}
	return false
}

func tagsCode(properties map[string]string) int64 { return int64(javaHash(properties[propertyTags])) }

// javaHash is Java's String.hashCode.
func javaHash(s string) int32 {
	var hash int32
	for _, unit := range utf16.Encode([]rune(s)) {
		hash = 31*hash + int32(unit)
	}
	return hash
}
