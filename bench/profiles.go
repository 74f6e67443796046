package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"strings"
)

// profiles are written to a folder of their own, for go tool pprof. Allocations are counted
// from the start of the process, so there is one file before and one after:
//
//	go tool pprof -sample_index=alloc_space -base x.before.allocs x.after.allocs
type profiles struct{ dir string }

func newProfiles() (*profiles, error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	return &profiles{dir}, nil
}

// start begins the profiles of one turn; stop ends them.
func (p *profiles) start(row string, s side) (stop func(), err error) {
	name := filepath.Join(p.dir, strings.ReplaceAll(row, "/", "-")+"."+s.String())
	if err := writeAllocs(name + ".before.allocs"); err != nil {
		return nil, err
	}
	cpu, err := os.Create(name + ".cpu")
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("profiles: %w", err), cpu.Close())
	}
	return func() {
		pprof.StopCPUProfile()
		if err := errors.Join(cpu.Close(), writeAllocs(name+".after.allocs")); err != nil {
			progress("profiles: %v", err)
		}
	}, nil
}

func writeAllocs(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("profiles: %w", err)
	}
	return errors.Join(pprof.Lookup("allocs").WriteTo(f, 0), f.Close())
}
