//go:build !linux

package servertest

import (
	"syscall"
	"time"
)

// procAttr keeps the server out of the terminal's process group. Without Linux's death signal a server may outlive a
// test that is killed.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitStop gives a process that was sent SIGSTOP the time to stand.
func awaitStop(int) error {
	time.Sleep(100 * time.Millisecond)
	return nil
}
