package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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
	synctest.Test(t, func(t *testing.T) {
		turns, gone := newTurns(512<<20), errors.New("gone")
		ctx, stop := context.WithCancelCause(t.Context())
		first := &attempt{ctx: t.Context(), turns: turns, moved: &movement{}}
		second := &attempt{ctx: ctx, turns: turns, moved: &movement{}}
		third := &attempt{ctx: t.Context(), turns: turns, moved: &movement{}}
		if err := errors.Join(first.takeTurn(), first.takeTurn()); err != nil { // it has it
			t.Fatal(err)
		}
		stopped, had := make(chan error, 1), make(chan error, 1)
		go func() { stopped <- second.takeTurn() }()
		go func() { had <- third.takeTurn() }()
		time.Sleep(10*maxSilence + maxSilence/2)
		if len(stopped)+len(had) > 0 {
			t.Fatal("nobody waits")
		}
		if signs := third.moved.signs.Load(); signs != 10 {
			t.Errorf("waiting counts as moving %d times in ten", signs)
		}
		stop(gone)
		if err := <-stopped; !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
		second.endTurn() // which it does not have
		if len(turns) != 1 {
			t.Fatalf("%d turns are taken, want the first one's", len(turns))
		}
		first.endTurn()
		if err := <-had; err != nil {
			t.Error(err)
		}
		first.endTurn()
		if len(turns) != 1 {
			t.Fatalf("%d turns are taken, want the third one's", len(turns))
		}
	})
}
