package consumer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// subscriptions are what a member takes: normalised expressions by the topic's wire name.
type subscriptions map[string]string

// Mismatch is one topic that another member of the group subscribes differently. Brokers share
// the queues of every topic of the group among all members, and filter by whatever was
// subscribed last: messages reach members that do not take them, and count as consumed.
type Mismatch struct {
	Client string // the other member's client id; empty if the broker does not tell whose it is
	Topic  string // bare name
	Ours   string // our expression; empty if we do not subscribe the topic
	Theirs string // the other's; empty if it does not
}

// String reads: client 10.0.0.7@4711#x takes "a" of topic "orders", we take "a || b".
func (m Mismatch) String() string {
	who := "client " + m.Client
	if m.Client == "" {
		who = "some member"
	}
	takes := func(expression string) string {
		if expression == "" {
			return "nothing"
		}
		return fmt.Sprintf("%q", expression)
	}
	return fmt.Sprintf("%s takes %s of topic %q, we take %s", who, takes(m.Theirs), m.Topic, takes(m.Ours))
}

// compare returns what differs, by topic. Retry topics, which every member has, are left out,
// and so is when something was subscribed: versions are times.
func compare(client string, ours, theirs subscriptions, bare func(string) string) []Mismatch {
	var mismatches []Mismatch
	topics := maps.Clone(ours)
	maps.Copy(topics, theirs)
	for topic := range topics {
		if !strings.HasPrefix(topic, retryPrefix) && ours[topic] != theirs[topic] {
			mismatches = append(mismatches, Mismatch{client, bare(topic), ours[topic], theirs[topic]})
		}
	}
	slices.SortFunc(mismatches, func(a, b Mismatch) int { return cmp.Compare(a.Topic, b.Topic) })
	return mismatches
}

// normalised writes an expression so that two that mean the same are equal: tags in order and
// once each. One that is not of tags stands behind its type.
func normalised(expression, kind string) string {
	if kind != "" && kind != "TAG" {
		return kind + ": " + expression
	}
	tags, _ := tagsOf(expression)
	if len(tags) == 0 {
		return "*"
	}
	slices.Sort(tags)
	return strings.Join(slices.Compact(tags), " || ")
}
