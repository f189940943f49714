package worker

import (
	"context"
	"runtime"
	"time"
)

// turnMemory is what a task takes at most whose rows are tens of megabytes large, with everything else of the process.
const turnMemory = 384 << 20

// newTurns returns the turns of a process with so much memory: each lets one task have large rows in hand.
func newTurns(memory int64) chan struct{} { return make(chan struct{}, max(1, memory/turnMemory)) }

// takeTurn waits until this task may have large rows in hand, which it may until endTurn. Meanwhile the task counts as moving.
// If the attempt is told to stop, there is none.
func (a *attempt) takeTurn() error {
	if a.hasTurn {
		return nil
	}
	ticker := time.NewTicker(maxSilence)
	defer ticker.Stop()
	for {
		select {
		case a.turns <- struct{}{}:
			a.hasTurn = true
			return nil
		case <-a.ctx.Done():
			return context.Cause(a.ctx)
		case <-ticker.C:
			a.moved.signs.Add(1)
		}
	}
}

// endTurn lets another task have the turn.
func (a *attempt) endTurn() {
	if a.hasTurn {
		runtime.GC() // what the rows have left behind is as large as they were
		a.hasTurn = false
		<-a.turns
	}
}
