package main

import (
	"fmt"
	"os"
	"sync"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// record is a file that outlives its writers, to which they add a line at a time.
type record struct {
	mu   sync.Mutex
	file *os.File
}

func openRecord(path string) (*record, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("member: %w", err)
	}
	return &record{file: file}, nil
}

// began notes that a handler was called.
func (r *record) began(msg *primitive.MessageExt) error { return r.add("began", msg) }

// done notes the effect of a message; on nil it is on the disk.
func (r *record) done(msg *primitive.MessageExt) error {
	if err := r.add("done", msg); err != nil {
		return err
	}
	return r.file.Sync()
}

func (r *record) add(what string, msg *primitive.MessageExt) error {
	line := fmt.Sprintf("%s %s %d %d\n", what, msg.GetKeys(), msg.ReconsumeTimes, os.Getpid())
	r.mu.Lock()
	defer r.mu.Unlock()
	_, err := r.file.WriteString(line)
	return err
}
