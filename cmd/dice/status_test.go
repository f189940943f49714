package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/queue"
)

// TestStatusTellsOfWorkersThatItLeavesOut, and of none where it leaves out none.
func TestStatusTellsOfWorkersThatItLeavesOut(t *testing.T) {
	s := queue.Status{Job: "7", Workers: []queue.WorkerStatus{{Name: "one"}}}
	for untold, want := range map[int]bool{0: false, 3000: true} {
		var out bytes.Buffer
		s.Untold = untold
		if err := printStatus(&out, s); err != nil {
			t.Fatal(err)
		}
		if got := strings.HasSuffix(out.String(), "\n3000 more workers, heard less lately, are left out\n"); got != want {
			t.Errorf("%d untold workers:\n%s", untold, out.String())
		}
	}
}
