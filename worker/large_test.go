package worker

import (
	"context"
	"testing"
	"time"
)

// TestTurns: as many tasks have large rows in hand as memory allows. The next one waits, and counts as moving, until one of them ends or it is
// told to stop itself.
func TestTurns(t *testing.T) {
	for memory, want := range map[int64]int{minMemory: 1, 512 << 20: 1, 768 << 20: 2, 4 << 30: 10} {
		if got := cap(newTurns(memory)); got != want {
			t.Errorf("%d octets allow %d turns, want %d", memory, got, want)
		}
	}
	turns := newTurns(512 << 20)
	ctx, stop := context.WithCancel(t.Context())
	first := &attempt{ctx: t.Context(), turns: turns, moved: &movement{}}
	second := &attempt{ctx: ctx, turns: turns, moved: &movement{}}
	third := &attempt{ctx: t.Context(), turns: turns, moved: &movement{}}
	first.takeTurn()
	first.takeTurn() // has it

	stopped := make(chan struct{})
	go func() { second.takeTurn(); close(stopped) }()
	had := make(chan struct{})
	go func() { third.takeTurn(); close(had) }()
	time.Sleep(maxSilence + maxSilence/2)
	select {
	case <-stopped:
		t.Fatal("the second did not wait")
	case <-had:
		t.Fatal("the third did not wait")
	default:
	}
	if third.moved.signs.Load() == 0 {
		t.Error("waiting does not count as moving")
	}
	stop()
	<-stopped
	second.endTurn() // which it does not have
	if len(turns) != 1 {
		t.Fatalf("%d turns are taken, want the first one's", len(turns))
	}
	first.endTurn()
	<-had
	first.endTurn()
	if len(turns) != 1 {
		t.Fatalf("%d turns are taken, want the third one's", len(turns))
	}
}
