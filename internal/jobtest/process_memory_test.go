package jobtest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// memory returns the most that a running process has held so far, in MiB. What the kernel tells of one that has ended
// includes its parent's before it was forked off.
func memory(p *process) (mib float64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	if err != nil {
		return 0 // it has ended, or this is no Linux
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.Atoi(kib)
	if err != nil {
		return 0
	}
	return float64(n) / 1024
}

// peakOf watches the memory of a process until the returned function is called, which tells the most it held, in MiB.
func peakOf(p *process) func() float64 {
	var peak float64
	var watching sync.WaitGroup
	end := make(chan struct{})
	watching.Go(func() {
		for {
			select {
			case <-end:
				return
			case <-time.After(20 * time.Millisecond):
				peak = max(peak, memory(p))
			}
		}
	})
	return func() float64 {
		close(end)
		watching.Wait()
		return peak
	}
}
