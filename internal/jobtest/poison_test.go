package jobtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

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

// poisonXMPP is the door of workers that one object brings to a panic.
func poisonXMPP(reads *atomic.Int32) func(int, store.Bucket) store.Bucket {
	return func(_ int, b store.Bucket) store.Bucket { return poisoned{b, reads} }
}

// TestPoison: an object that cannot be processed is given up after the limit with a report, everything else of its stage
// is done, and the same command later repeats only the rest.
func TestPoison(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	output := t.TempDir()
	var reads atomic.Int32
	// With patience, so that only faults make a task begin anew.
	_, err := Try(t, Options{Command: command, Output: output, Workers: 2, Patience: time.Minute, Door: poisonXMPP(&reads)})
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

// TestBadObjectsAreLeftOutWhenAsked: the rest is published as if they had not been there, in shards of their own and in
// shards that they share, and their loss is listed. The decision may come later than the failure.
func TestBadObjectsAreLeftOutWhenAsked(t *testing.T) {
	dir, command := small(t)
	there, err := filepath.Glob(filepath.Join(dir, "zgrab2_*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{16 << 10, 1 << 30} {
		command.Options.ShardBytes = size
		others := command
		others.Files = slices.DeleteFunc(slices.Clone(there), func(path string) bool { return strings.Contains(path, "xmpp") })
		want := tables(t, Run(t, Options{Command: others}).Out)
		var first map[string][]byte
		for _, later := range []bool{false, true} {
			var reads atomic.Int32
			o := Options{Command: command, Output: t.TempDir(), Workers: 2, Door: poisonXMPP(&reads)}
			if later {
				if _, err := Try(t, o); !errors.Is(err, coordinator.ErrFailed) {
					t.Errorf("not asked to leave anything out: got %v", err)
				}
			}
			tried := reads.Load()
			o.SkipBad = true
			job := Run(t, o)
			if later && reads.Load() != tried {
				t.Errorf("the object was read %d times, and %d times again", tried, reads.Load()-tried)
			}
			noWorkFiles(t, job.Out)
			files := result(t, job.Out)
			m := Manifest(t, files)
			if len(m.Skipped) != 1 || filepath.Base(m.Skipped[0].URL) != "zgrab2_xmpp.jsonl" || m.Skipped[0].ETag == "" {
				t.Errorf("skipped: got %+v", m.Skipped)
			}
			if diff := cmp.Diff(want, tables(t, job.Out)); diff != "" {
				t.Errorf("shards of %d octets: want - got +\n%.2000s", size, diff)
			}
			if first != nil {
				sameFiles(t, first, files)
			}
			first = files
		}
	}
}

// TestPartsThatDoNotFit: a compressed object whose parts cannot be told apart fails the job, unless it may be left out.
func TestPartsThatDoNotFit(t *testing.T) {
	dir, command := small(t)
	command.Files = []string{filepath.Join(dir, "zgrab2_modbus.jsonl")}
	want := tables(t, Run(t, Options{Command: command}).Out)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := encoder.EncodeAll(bytes.Repeat([]byte("{}\n"), 100), nil)
	hidden := append(make([]byte, 100<<10), lines...) // in a frame that holds no text, but looks as if there was one in it
	frames := binary.LittleEndian.AppendUint32(bytes.Clone(lines), 0x184d2a50)
	frames = append(binary.LittleEndian.AppendUint32(frames, uint32(len(hidden))), hidden...)
	object := filepath.Join(dir, "frames.zst")
	if err := os.WriteFile(object, append(frames, lines...), 0o600); err != nil {
		t.Fatal(err)
	}
	command.Files = append(command.Files, object)
	o := Options{Command: command, Output: t.TempDir()}
	if _, err := Try(t, o); !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), "frames.zst") {
		t.Errorf("not asked to leave anything out: got %v", err)
	}
	o.SkipBad = true
	job := Run(t, o)
	if m := job.Result.Manifest; len(m.Skipped) != 1 || filepath.Base(m.Skipped[0].URL) != "frames.zst" {
		t.Errorf("skipped: got %+v", m.Skipped)
	}
	if diff := cmp.Diff(want, tables(t, job.Out)); diff != "" {
		t.Errorf("want - got +\n%.2000s", diff)
	}
}

// TestPoisonInALaterStageFailsTheJob: what crosses objects cannot be put down to one.
func TestPoisonInALaterStageFailsTheJob(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	o := Options{Command: command, Output: t.TempDir(), SkipBad: true, Door: func(_ int, b store.Bucket) store.Bucket { return resolving{b} }}
	_, err := Try(t, o)
	if !errors.Is(err, coordinator.ErrFailed) || !strings.Contains(err.Error(), "stage reuse") {
		t.Errorf("got %v", err)
	}
	o.Door = nil
	sameFiles(t, want, result(t, Run(t, o).Out))
}

// resolving panics when a reuse task writes its verdicts.
type resolving struct{ store.Bucket }

func (b resolving) NewWriter(ctx context.Context, key string) (store.Writer, error) {
	if strings.Contains(key, "/data/reuse/") {
		panic("slice bounds out of range")
	}
	return b.Bucket.NewWriter(ctx, key)
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
