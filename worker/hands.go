package worker

import (
	"fmt"
	"sync"
	"time"
)

// hands knows which tasks a worker has in hand, and how it fares with them. It is safe for concurrent use.
type hands struct {
	mu       sync.Mutex
	tasks    map[string]bool
	failures int       // tasks in a row that failed
	unfit    int       // of these, begun one after the other, those that this machine has no room for
	lastly   time.Time // when the last of these ended
}

func newHands() *hands { return &hands{tasks: map[string]bool{}} }

// take notes that a task is in hand, unless it is already.
func (h *hands) take(task string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tasks[task] {
		return false
	}
	h.tasks[task] = true
	return true
}

func (h *hands) drop(task string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.tasks, task)
}

const (
	// maxUnfit is how many tasks in a row a machine may have no room for before its worker ends.
	maxUnfit = 3
	// A worker whose tasks fail leaves the next ones to others for a while.
	firstPause = 50 * time.Millisecond
	unfitPause = time.Second
	maxPause   = 5 * time.Second
)

// note takes down how a task ended that was begun at a time. It returns how long to wait before taking another one, and
// an error when this machine should take none. Tasks that failed at the same time, in several slots, count as one.
func (h *hands) note(o outcome, begun, ended time.Time, err error) (pause time.Duration, failed error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch o {
	case done:
		h.failures, h.unfit = 0, 0
		return 0, nil
	case giveBack, over, faulty:
		return 0, nil
	}
	h.failures++
	pause = min(firstPause<<min(h.failures, 10), maxPause)
	if o != unfit {
		return pause, nil
	}
	if begun.After(h.lastly) {
		h.unfit, h.lastly = h.unfit+1, ended
	}
	if h.unfit >= maxUnfit {
		return 0, fmt.Errorf("this machine could not do %d tasks in a row, the last one: %w", h.unfit, err)
	}
	return max(pause, unfitPause), nil
}
