package jobtest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/store"
)

// poisoned makes the reading of one object panic, as a fault of ours on hostile data would.
type poisoned struct {
	store.Bucket
	reads *atomic.Int32
}

func (p poisoned) ReadAt(ctx context.Context, key, etag string, b []byte, off int64) error {
	if key == "zgrab2_xmpp.jsonl" && off == 0 {
		p.reads.Add(1)
		panic("index out of range")
	}
	return p.Bucket.ReadAt(ctx, key, etag, b, off)
}

// TestPoison: a task that fails for its data is given up after the limit with a report, everything else of its stage is
// done, and the same command later repeats only the rest.
func TestPoison(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	output := t.TempDir()
	var reads atomic.Int32
	_, err := Try(t, Options{
		Command: command, Output: output, Workers: 2,
		Door: func(_ int, b store.Bucket) store.Bucket { return poisoned{b, &reads} },
	})
	if !errors.Is(err, coordinator.ErrFailed) {
		t.Fatalf("got %v", err)
	}
	for _, words := range []string{"zgrab2_xmpp.jsonl", "2 times", "index out of range"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("%q does not say %q", err, words)
		}
	}
	before := commits(t, output)
	given := 0
	for _, body := range before {
		if strings.Contains(string(body), "skipped") {
			given++
		}
	}
	if n := int(reads.Load()); given == 0 || n != 2*given {
		t.Errorf("%d tasks were given up after %d attempts, want 2 each", given, n)
	}
	job := Run(t, Options{Command: command, Output: output, Keep: true})
	after := commits(t, output)
	for key, body := range before {
		if string(after[key]) != string(body) && !strings.Contains(string(body), "skipped") {
			t.Errorf("%s was done again", key)
		}
	}
	sameFiles(t, want, result(t, job.Out))
}

// failing lets the first calls on every key fail, as a store in trouble would.
type failing struct {
	store.Bucket
	left *atomic.Int32
}

var errTrouble = errors.New("store is in trouble")

func (f failing) ReadAt(ctx context.Context, key, etag string, b []byte, off int64) error {
	if f.left.Add(-1) >= 0 {
		return errTrouble
	}
	return f.Bucket.ReadAt(ctx, key, etag, b, off)
}

// TestTroubleIsRetriedAndIsNobodysPoison: attempts that fail for the store's sake are repeated, up to a limit.
func TestTroubleIsRetriedAndIsNobodysPoison(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	for failures, succeeds := range map[int32]bool{3: true, 1 << 30: false} {
		var left atomic.Int32
		left.Store(failures)
		job, err := Try(t, Options{
			Command: command, Workers: 2, Trouble: 4,
			Door: func(i int, b store.Bucket) store.Bucket {
				if i < 0 {
					return b
				}
				return failing{b, &left}
			},
		})
		switch {
		case succeeds && err != nil:
			t.Errorf("%d failures: %v", failures, err)
		case succeeds:
			sameFiles(t, want, result(t, job.Out))
		case !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), errTrouble.Error()):
			t.Errorf("for ever: got %v", err)
		}
	}
}
