package servertest

import "syscall"

// procAttr makes the kernel kill the server when the thread that started it ends, so none outlives a killed test.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
