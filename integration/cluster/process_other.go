//go:build !linux

package cluster

import "syscall"

// childAttributes: elsewhere a child outlives a parent that is killed with SIGKILL.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
