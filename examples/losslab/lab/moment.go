package lab

import (
	"context"
	"sync"
)

// moment is something that happens once and that others wait for. The zero moment has not
// come.
type moment struct {
	mu   sync.Mutex
	come chan struct{}
	once sync.Once
}

func (m *moment) channel() chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.come == nil {
		m.come = make(chan struct{})
	}
	return m.come
}

// close says that it has come.
func (m *moment) close() {
	come := m.channel()
	m.once.Do(func() { close(come) })
}

// wait returns when it has come, or when ctx ends with its error.
func (m *moment) wait(ctx context.Context) error {
	select {
	case <-m.channel():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
