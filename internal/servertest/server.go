package servertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// startTimeout bounds how long a server may take until it answers. MinIO needs two seconds on an idle machine.
const startTimeout = 60 * time.Second

// Server is a child process that can be stopped, killed, paused and started again on the same address with the same
// data. Its methods are safe for concurrent use.
type Server struct {
	Addr string // host:port
	Dir  string // its data

	program Program
	args    []string
	env     []string
	ready   func(ctx context.Context, addr string) error

	mu      sync.Mutex
	process *process
}

// process is one run of a server.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed after cmd.Wait
	out    *tailBuffer
}

// Start runs the server and returns when it answers. It does nothing while the server runs.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	path, err := s.program.Install(ctx)
	if err != nil {
		return err
	}
	p, err := launch(path, s.args, s.env)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.program.Name, err)
	}
	if err := s.wait(p); err != nil {
		p.end(syscall.SIGKILL)
		return fmt.Errorf("start %s on %s: %w\n%s", s.program.Name, s.Addr, err, p.out)
	}
	s.process = p
	return nil
}

// wait asks the server until it answers, exits or takes too long.
func (s *Server) wait(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := s.ready(ctx, s.Addr)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errors.New("exited at once")
		case <-ctx.Done():
			return fmt.Errorf("no answer after %v: %w", startTimeout, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the server in an orderly way (SIGTERM) and waits for it.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server as a power cut would (SIGKILL) and waits for it.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Wipe is Kill, and the server's data is gone.
func (s *Server) Wipe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(syscall.SIGKILL)
	return os.RemoveAll(s.Dir)
}

// Pause freezes the server: its connections stay open and answer nothing. It returns when all threads stand.
func (s *Server) Pause() error { return s.signal(syscall.SIGSTOP, awaitStop) }

// Resume ends a Pause.
func (s *Server) Resume() error { return s.signal(syscall.SIGCONT, nil) }

func (s *Server) end(sig syscall.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked(sig)
}

func (s *Server) endLocked(sig syscall.Signal) {
	if s.process != nil {
		s.process.end(sig)
		s.process = nil
	}
}

// signal sends a signal and, unless await is nil, waits for its effect on the process.
func (s *Server) signal(sig syscall.Signal, await func(pid int) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == nil {
		return fmt.Errorf("signal %s: not running", s.program.Name)
	}
	process := s.process.cmd.Process
	if err := process.Signal(sig); err != nil || await == nil {
		return err
	}
	return await(process.Pid)
}

// end signals the process and waits for it; one that ignores the signal for ten seconds, or is paused, is killed.
func (p *process) end(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // an error means that it has exited
	select {
	case <-p.exited:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// launch starts a command from a thread of its own that lives as long as the command: Linux sends the death signal
// when the starting thread ends, and Go's threads may end before the process does.
func launch(path string, args, env []string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), exited: make(chan struct{}), out: &tailBuffer{}}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.out, p.out
	p.cmd.SysProcAttr = procAttr()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended does not matter here
			close(p.exited)
		}
	}()
	return p, <-started
}

// freeAddr finds a loopback address that is free right now.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// tailBuffer keeps the last output of a server for the message of a failure.
type tailBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *tailBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() > 1<<20 {
		b.buf.Reset()
	}
	return b.buf.Write(p)
}

// String returns the last lines.
func (b *tailBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return tail(b.buf.String(), 4000)
}

// baseEnv is the environment of servers: nothing of the caller's that could configure them.
func baseEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.TempDir(), "TMPDIR=" + os.TempDir()}
}
