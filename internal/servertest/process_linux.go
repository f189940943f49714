package servertest

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// procAttr makes the kernel kill the server when the thread that started it ends, so none outlives a killed test.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// awaitStop waits until all threads of a child process stand that was sent SIGSTOP: the signal goes to one of them, and
// the others may run on for as long as that one waits for a processor. What it learns stays there for the next caller.
func awaitStop(pid int) error {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return fmt.Errorf("wait until process %d stands: %w", pid, err)
		case info.Signo != 0:
			return nil
		}
	}
	return fmt.Errorf("process %d does not stand", pid)
}
