//go:build unix

package scratch

import (
	"errors"
	"os"
	"syscall"
)

// lock tries to lock a file; the lock ends with its process at the latest.
func lock(f *os.File) lockState {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return locked
	case errors.Is(err, syscall.EWOULDBLOCK):
		return taken
	}
	return unknown // as on file systems that have no locks
}
