package consumer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast"
)

// handlers are those of each topic, by bare name.
type handlers map[string][]*subscribed

// subscribed is a handler with the tags it takes; none for all.
type subscribed struct {
	tags   []string
	handle holdfast.Handler
	target *target
}

// Use puts middleware around every handler, the first given outermost, those of an earlier call
// outside of a later one's. Call it before Run. A nil middleware, or a call after Run, is an
// error of Run.
func (c *Consumer) Use(middleware ...holdfast.Middleware) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state != created:
		c.complaints = append(c.complaints, errors.New("consumer: Use after Run: call it before"))
	case slices.ContainsFunc(middleware, func(m holdfast.Middleware) bool { return m == nil }):
		c.complaints = append(c.complaints, errors.New("consumer: Use: a middleware is nil: leave it out"))
	default:
		c.middleware = append(c.middleware, middleware...)
	}
}

// Handle has h called for the messages of topic that have one of the tags: "*" or "" for all,
// or "paid || refunded". Call it before Run, several times for several topics, or for several
// tags of one topic, which must not overlap.
//
// The error says what is wrong with the call; it does nothing then, and Run returns it too.
func (c *Consumer) Handle(topic, tags string, h holdfast.Handler) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.add(topic, tags, h)
	if err != nil {
		err = fmt.Errorf("consumer: Handle topic %q, tags %q: %w", topic, tags, err)
		c.complaints = append(c.complaints, err)
	}
	return err
}

func (c *Consumer) add(topic, tags string, h holdfast.Handler) error {
	if c.state != created {
		return errors.New("called after Run: call it before")
	}
	if err := checkTopic(topic); err != nil {
		return err
	}
	if h == nil {
		return errors.New("the handler is nil: give one")
	}
	added := &subscribed{tags: tagNames(tags), handle: h}
	if len(added.tags) == 0 && strings.Trim(tags, " *") != "" {
		return errors.New(`no tag in it: give "*" for all, or tags with "||" between`)
	}
	for _, other := range c.handlers[topic] {
		if len(added.tags) == 0 || len(other.tags) == 0 {
			return fmt.Errorf("overlaps with the handler of %s: a handler of all tags must be the topic's only one", other.expression())
		}
		for _, tag := range added.tags {
			if slices.Contains(other.tags, tag) {
				return fmt.Errorf("overlaps with the handler of %s: give each tag to one handler", other.expression())
			}
		}
	}
	if c.handlers == nil {
		c.handlers = handlers{}
	}
	c.handlers[topic] = append(c.handlers[topic], added)
	return nil
}

func checkTopic(topic string) error {
	switch {
	case topic == "":
		return errors.New("the topic is empty: name it")
	case strings.HasPrefix(topic, retryPrefix):
		return errors.New("a retry topic belongs to its group: handle the original topic, where retries come too")
	}
	return nil
}

// tagNames are the tags of an expression, in order and once each; none for all.
func tagNames(expression string) []string {
	tags, _ := tagsOf(expression)
	slices.Sort(tags)
	return slices.Compact(tags)
}

func (s *subscribed) expression() string {
	if len(s.tags) == 0 {
		return `"*"`
	}
	return fmt.Sprintf("%q", strings.Join(s.tags, " || "))
}

// finish puts the middleware around the handlers, and gives each its gate and so many slots, 0
// for as many as the official client has.
func (hs handlers) finish(middleware []holdfast.Middleware, s *settings, concurrency int) {
	for _, of := range hs {
		for _, h := range of {
			var free slots
			if concurrency > 0 {
				free = make(slots, concurrency)
			}
			handle := h.handle
			for _, m := range slices.Backward(middleware) {
				handle = m(handle)
			}
			h.target = &target{handle: handle, gate: newGate(s), slots: free}
		}
	}
}

// expressions are what is subscribed, by bare topic.
func (hs handlers) expressions() map[string]string {
	all := map[string]string{}
	for topic, of := range hs {
		var tags []string
		for _, h := range of {
			tags = append(tags, h.tags...)
		}
		all[topic] = "*"
		if len(tags) > 0 {
			slices.Sort(tags)
			all[topic] = strings.Join(tags, " || ")
		}
	}
	return all
}

// strayDelay is how long a message waits in the retry topic whose own topic is not subscribed
// here: another member may take it, or a deployment end.
const strayDelay = 10 * time.Minute

// route finds the handler of a message.
func (c *Consumer) route(msg *primitive.MessageExt) (*target, error) {
	of, subscribed := c.handlers[msg.Topic]
	if !subscribed {
		c.config.logger.Warn("a retry of a topic that is not handled here is kept", "topic", msg.Topic, "group", c.group, "id", holdfast.MessageID(msg))
		return nil, holdfast.Hold(strayDelay, fmt.Errorf("consumer: no handler for topic %q: it is kept among the group's retries: handle the topic again, or take the message out", msg.Topic))
	}
	if len(of[0].tags) == 0 { // all tags, and so the only one
		return of[0].target, nil
	}
	tag := msg.GetTags()
	for _, h := range of {
		if slices.Contains(h.tags, tag) {
			return h.target, nil
		}
	}
	return nil, fmt.Errorf("consumer: no handler for tag %q of topic %q: handle it", tag, msg.Topic)
}
