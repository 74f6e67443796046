package send

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"

	"github.com/holdfast-mq/holdfast/internal/remoting"
)

const (
	lookupsPerBroker = 16
	lookupMax        = 8 // copies under one UNIQ_KEY that are looked at
)

// Lookup asks brokers for messages by UNIQ_KEY. At most 16 questions are open to one broker.
type Lookup struct {
	Client *remoting.Client

	// Refused is called once, when a broker does not allow the question; it counts as not
	// found, then and later.
	Refused func(error)

	refusedOnce sync.Once
	mu          sync.Mutex
	slots       map[string]chan struct{}
}

// Wanted is the message to look for: by id, and by body and properties unless the body is nil.
// They are compared because ids repeat, by other makers and where callers use a message again:
// two messages under one id must not pass for one.
type Wanted struct {
	Topic      string // wire name
	ID         string
	Body       []byte
	Properties map[string]string // as they were sent; brokers add to them
}

// Found is a copy in a broker's index.
type Found struct {
	Broker  string
	Message *remoting.Message
}

// Result is the copy as a send's result. topic is the name that the caller knows.
func (f *Found) Result(topic string) *primitive.SendResult {
	return &primitive.SendResult{
		Status:        primitive.SendOK,
		MsgID:         f.Message.UniqueKey(),
		OffsetMsgID:   f.Message.OffsetMsgID(),
		QueueOffset:   f.Message.QueueOffset,
		TransactionID: f.Message.UniqueKey(),
		RegionID:      f.Message.Properties[primitive.PropertyMsgRegion],
		MessageQueue:  &primitive.MessageQueue{Topic: topic, BrokerName: f.Broker, QueueId: f.Message.QueueID},
	}
}

// Find asks the given brokers (address by name), all at once, and returns every copy found.
// The index is filled asynchronously: nothing found proves nothing. The error says which
// brokers could not be asked.
func (l *Lookup) Find(ctx context.Context, brokers map[string]string, wanted Wanted) ([]Found, error) {
	var mu sync.Mutex
	var found []Found
	var failures []error
	var wg sync.WaitGroup
	for broker, address := range brokers {
		wg.Go(func() {
			copies, err := l.ask(ctx, broker, address, wanted)
			mu.Lock()
			defer mu.Unlock()
			found = append(found, copies...)
			if err != nil {
				failures = append(failures, err)
			}
		})
	}
	wg.Wait()
	return found, errors.Join(failures...)
}

func (l *Lookup) ask(ctx context.Context, broker, address string, wanted Wanted) ([]Found, error) {
	slot := l.slot(broker)
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}

	messages, err := l.Client.QueryByUniqueKey(ctx, address, wanted.Topic, wanted.ID, lookupMax)
	if remoting.Denied(err) && l.Refused != nil {
		l.refusedOnce.Do(func() { l.Refused(err) })
	}
	if err != nil {
		return nil, err
	}
	var found []Found
	for _, m := range messages {
		if wanted.matches(m) {
			found = append(found, Found{broker, m})
		}
	}
	return found, nil
}

func (w Wanted) matches(m *remoting.Message) bool {
	if w.Body == nil {
		return true
	}
	for name, value := range w.Properties {
		if m.Properties[name] != value {
			return false
		}
	}
	payload, err := m.Payload()
	return err == nil && bytes.Equal(payload, w.Body)
}

func (l *Lookup) slot(broker string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slots == nil {
		l.slots = map[string]chan struct{}{}
	}
	if l.slots[broker] == nil {
		l.slots[broker] = make(chan struct{}, lookupsPerBroker)
	}
	return l.slots[broker]
}
