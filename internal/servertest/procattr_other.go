//go:build !linux

package servertest

import "syscall"

// procAttr keeps the server out of the terminal's process group. Without Linux's death signal a server may outlive a
// test that is killed.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
