package servertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const scratchPrefix = "dice-servertest-"

// scratch makes a folder for a server that lives as long as this process. Nothing runs at the exit of a test binary,
// so the next one removes the folders of processes that are gone.
func scratch(name string) (string, error) {
	sweepScratch(os.TempDir(), alive)
	base := filepath.Join(os.TempDir(), scratchPrefix+strconv.Itoa(os.Getpid()))
	if err := os.MkdirAll(base, 0o700); err != nil {
		return "", fmt.Errorf("make scratch folder: %w", err)
	}
	return os.MkdirTemp(base, name+"-")
}

// sweepScratch removes the scratch folders under dir whose process does not live.
func sweepScratch(dir string, alive func(pid int) bool) {
	paths, _ := filepath.Glob(filepath.Join(dir, scratchPrefix+"*")) // the pattern is well formed
	for _, path := range paths {
		pid, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), scratchPrefix))
		if err == nil && !alive(pid) {
			_ = os.RemoveAll(path) // tried again next time
		}
	}
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}
