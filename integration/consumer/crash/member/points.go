package main

import (
	"os"
	"sync/atomic"
)

// Points at which a member can be told to die.
const (
	inHandler   = "in handler"   // before the effect
	afterEffect = "after effect" // before the handler returns
	answered    = "answered"     // a copy is stored, and the official client does not know yet
)

// points kill the process where it was told to die.
type points struct{ deadly atomic.Pointer[string] }

// reach does not return at the point to die at: nothing that follows it happens.
func (p *points) reach(point string) {
	if at := p.deadly.Load(); at == nil || *at != point {
		return
	}
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill() // as kill -9 does
	}
	select {}
}
