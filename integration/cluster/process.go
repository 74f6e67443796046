package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

// processLauncher runs nodes as Java processes, each with a folder of its own for store,
// configuration and log.
type processLauncher struct {
	java java
	dist distribution
}

func (l *processLauncher) Prepare(ctx context.Context, version string) (err error) {
	if l.java, err = findJava(ctx); err != nil {
		return err
	}
	if l.dist, err = newDistribution(version); err != nil {
		return err
	}
	if _, err = FetchJars(ctx, version); err != nil {
		return err
	}
	return l.ensureArchives(ctx)
}

func (l *processLauncher) Launch(ctx context.Context, spec Spec) (Process, error) {
	dir, err := newWorkDir()
	if err != nil {
		return nil, err
	}
	p := &process{launcher: l, spec: spec, dir: dir}
	if err := p.prepare(); err != nil {
		dir.remove()
		return nil, fmt.Errorf("cluster: %s: %w", spec.Name, err)
	}
	if err := p.Start(ctx); err != nil {
		dir.remove()
		return nil, err
	}
	return p, nil
}

// process is one node as a Java process.
type process struct {
	launcher *processLauncher
	spec     Spec
	dir      *workDir

	cmd    *exec.Cmd
	exited chan struct{}
}

func (p *process) prepare() error {
	paths := map[string]string{}
	if p.spec.Kind == Broker {
		paths = StorePaths(p.dir.path("store"))
	}
	files := maps.Clone(p.spec.Files)
	files["node.conf"] = p.spec.ConfigText(paths)
	if err := os.Mkdir(p.dir.path("conf"), 0o755); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(p.dir.path("conf", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (p *process) arguments() ([]string, error) {
	classPath, err := p.launcher.dist.classPath()
	if err != nil {
		return nil, err
	}
	args := append(java17Flags(), "-XX:+UseSerialGC")
	if archive := p.launcher.dist.archive(p.launcher.java, p.spec.Kind); p.launcher.dist.archived(p.launcher.java) {
		args = append(args, "-XX:SharedArchiveFile="+archive, "-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
	}
	args = append(args, "-Djava.io.tmpdir="+p.dir.path(), "-Duser.home="+p.dir.path(), "-Drocketmq.home.dir="+p.dir.path(),
		"-Drmq.logback.configurationFile="+p.dir.path("conf", LogConfigFile))
	args = append(args, p.spec.JVM...)
	return append(args, "-cp", classPath, mainClass(p.spec.Kind), "-c", p.dir.path("conf", "node.conf")), nil
}

func (p *process) Start(context.Context) error {
	args, err := p.arguments()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(p.dir.path("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cluster: %s: %w", p.spec.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(p.launcher.java.path, args...)
	cmd.Dir = p.dir.path()
	cmd.Env = append(os.Environ(), "ROCKETMQ_HOME="+p.dir.path())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = childAttributes()

	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		// The child dies with the thread that started it, not only with the process: keep the
		// thread for as long as the child lives.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(exited)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("cluster: %s: %w", p.spec.Name, err)
	}
	p.cmd, p.exited = cmd, exited
	return nil
}

func (p *process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("cluster: %s: %s: %w", p.spec.Name, s, err)
	}
	return nil
}

func (p *process) Kill() error {
	if err := p.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

func (p *process) Stop(ctx context.Context) error {
	if err := p.signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cluster: %s: stop: %w", p.spec.Name, context.Cause(ctx))
	}
}

func (p *process) Pause() error            { return p.signal(syscall.SIGSTOP) }
func (p *process) Resume() error           { return p.signal(syscall.SIGCONT) }
func (p *process) Exited() <-chan struct{} { return p.exited }

func (p *process) Log() string {
	text, err := os.ReadFile(p.dir.path("log"))
	if err != nil {
		return "no log: " + err.Error()
	}
	return string(text)
}

func (p *process) Remove() error {
	err := p.Kill()
	return errors.Join(err, p.dir.remove())
}

// workDir is a folder in the temporary folder that is this process's as long as it lives.
type workDir struct {
	dir  string
	lock *fileLock
}

const workDirPrefix = "holdfast-node-"

func newWorkDir() (*workDir, error) {
	dir, err := os.MkdirTemp("", workDirPrefix)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	lock, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return &workDir{dir, lock}, nil
}

func (w *workDir) path(elem ...string) string {
	return filepath.Join(append([]string{w.dir}, elem...)...)
}

func (w *workDir) remove() error {
	defer w.lock.unlock()
	if err := os.RemoveAll(w.dir); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return nil
}
