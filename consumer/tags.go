package consumer

import (
	"strings"
	"unicode/utf16"
)

// tagsOf are the tags of an expression such as "a || b", and the hash codes by which brokers
// filter; none for "*", which takes everything.
func tagsOf(expression string) (tags []string, codes []int32) {
	tags, codes = []string{}, []int32{}
	if expression == "*" || expression == "" {
		return tags, codes
	}
	for tag := range strings.SplitSeq(expression, "||") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
			codes = append(codes, javaHash(tag))
		}
	}
	return tags, codes
}

// javaHash is Java's String.hashCode.
func javaHash(s string) int32 {
	var h int32
	for _, unit := range utf16.Encode([]rune(s)) {
		h = 31*h + int32(unit)
	}
	return h
}
