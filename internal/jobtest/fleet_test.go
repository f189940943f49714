package jobtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// slow makes a worker hang in the reading of inputs until it is told that nobody waits for it any more.
type slow struct {
	store.Bucket
	hung *atomic.Int32
}

func (s slow) ReadAt(ctx context.Context, key, etag string, p []byte, off int64) error {
	if strings.HasSuffix(key, ".jsonl") {
		s.hung.Add(1)
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return s.Bucket.ReadAt(ctx, key, etag, p, off)
}

// TestStragglersAreOvertaken: a worker that holds on to its task, and extends its lease all the time, does not hold the
// job up, and the loser is told.
func TestStragglersAreOvertaken(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	var hung atomic.Int32
	job := Run(t, Options{
		Command: command, Workers: 2, Lease: 3 * time.Second,
		Door: func(i int, b store.Bucket) store.Bucket {
			if i == 0 {
				return slow{b, &hung}
			}
			return b
		},
	})
	if hung.Load() == 0 {
		t.Fatal("no worker was slow")
	}
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
}

// TestQueueIsLostWhileTheJobRuns: JetStream's data is wiped several times; the coordinator fills it again.
func TestQueueIsLostWhileTheJobRuns(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	server := servertest.StartNATS(t)
	o := Options{Command: command, Output: t.TempDir(), Workers: 2, Slots: 2, Lease: 2 * time.Second, URL: "nats://" + server.Addr}
	var wipes atomic.Int32
	o.Door = func(i int, b store.Bucket) store.Bucket {
		return &committing{Bucket: b, every: 25, do: func() {
			wipes.Add(1)
			if err := errors.Join(server.Wipe(), server.Start()); err != nil {
				t.Error(err)
			}
		}}
	}
	job := Run(t, o)
	if wipes.Load() < 2 {
		t.Errorf("the queue was lost %d times only", wipes.Load())
	}
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
}

// committing does something after every so many commit records.
type committing struct {
	store.Bucket
	every   int32
	commits atomic.Int32
	do      func()
}

func (b *committing) Create(ctx context.Context, key string, body []byte) error {
	err := b.Bucket.Create(ctx, key, body)
	if strings.Contains(key, "/commit/") && b.commits.Add(1)%b.every == 0 {
		b.do()
	}
	return err
}

// TestCancel: a job is stopped in any stage and leaves nothing, and its output is free for the next one.
func TestCancel(t *testing.T) {
	_, command := smallStreams(t, ".gz", gzipped)
	command.Options.PartitionRows = 100
	want := result(t, Run(t, Options{Command: command}).Out)
	output := t.TempDir()
	for _, stage := range shard.Stages {
		var once sync.Once
		_, err := Try(t, Options{
			Command: command, Output: output, Workers: 2, Slots: 2,
			Door: func(_ int, b store.Bucket) store.Bucket {
				return &reaching{Bucket: b, key: "/commit/" + string(stage) + "/", once: &once, do: func() {
					job, _, err := coordinator.Cancel(t.Context(), b)
					if err != nil || job == "" {
						t.Errorf("cancel in stage %s: job %q, %v", stage, job, err)
					}
				}}
			},
		})
		if !errors.Is(err, coordinator.ErrCancelled) {
			t.Errorf("cancelled in stage %s: got %v", stage, err)
		}
		out, err := Open(t.Context(), output)
		if err != nil {
			t.Fatal(err)
		}
		for key := range Files(t, out) {
			t.Errorf("cancelled in stage %s: %s is left", stage, key)
		}
	}
	job := Run(t, Options{Command: command, Output: output})
	sameFiles(t, want, result(t, job.Out))
	if _, _, err := coordinator.Cancel(t.Context(), job.Out); !errors.Is(err, coordinator.ErrNoJob) {
		t.Errorf("cancel of a finished job: got %v", err)
	}
	sameFiles(t, want, result(t, job.Out))
}

// reaching does something once when a key that contains words is created.
type reaching struct {
	store.Bucket
	key  string
	once *sync.Once
	do   func()
}

func (b *reaching) Create(ctx context.Context, key string, body []byte) error {
	err := b.Bucket.Create(ctx, key, body)
	if strings.Contains(key, b.key) {
		b.once.Do(b.do)
	}
	return err
}

// TestCancelAgainstPublish: whoever creates the manifest first decides.
func TestCancelAgainstPublish(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	for _, at := range []string{shard.SummaryKey, shard.ManifestKey} {
		var once sync.Once
		var cancelled error
		output := t.TempDir()
		job, err := Try(t, Options{
			Command: command, Output: output,
			Door: func(i int, b store.Bucket) store.Bucket {
				if i >= 0 {
					return b
				}
				return &reaching{Bucket: b, key: at, once: &once, do: func() { _, _, cancelled = coordinator.Cancel(t.Context(), b) }}
			},
		})
		if at == shard.ManifestKey {
			if !errors.Is(cancelled, coordinator.ErrNoJob) || err != nil {
				t.Errorf("cancelled after publishing: got %v, the job %v", cancelled, err)
			}
			sameFiles(t, want, result(t, job.Out))
			continue
		}
		if cancelled != nil || !errors.Is(err, coordinator.ErrCancelled) {
			t.Errorf("cancelled before publishing: got %v, the job %v", cancelled, err)
		}
		for key := range Files(t, job.Out) {
			t.Errorf("cancelled before publishing: %s is left", key)
		}
	}
}

// TestSweep removes what nobody needs any more, and nothing else.
func TestSweep(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	output := t.TempDir()
	var once sync.Once
	ctx, cancel := context.WithCancel(t.Context())
	_, err := TryContext(ctx, t, Options{Command: command, Output: output, Door: func(_ int, b store.Bucket) store.Bucket {
		return &reaching{Bucket: b, key: "/commit/" + string(shard.Reuse), once: &once, do: cancel}
	}})
	if err == nil {
		t.Fatal("the job was not interrupted")
	}
	out, err := Open(t.Context(), output)
	if err != nil {
		t.Fatal(err)
	}
	stray := shard.Job("20260101t000000-00000000").DataKey(shard.Map, 1, "dead", "segment")
	if err := out.Create(t.Context(), stray, []byte("of a machine that never came back")); err != nil {
		t.Fatal(err)
	}
	before := Files(t, out)
	swept, err := coordinator.Sweep(t.Context(), out, time.Now().Add(-time.Hour))
	if err != nil || swept.Removed != 0 || swept.Unfinished == "" {
		t.Errorf("sweep of what is young: got %+v, %v", swept, err)
	}
	sameFiles(t, before, Files(t, out))
	swept, err = coordinator.Sweep(t.Context(), out, time.Now().Add(time.Hour))
	if err != nil || swept.Removed != 1 {
		t.Errorf("sweep: got %+v, %v, want the one stray file", swept, err)
	}
	delete(before, stray)
	sameFiles(t, before, Files(t, out))

	job := Run(t, Options{Command: command, Output: output, Keep: true})
	swept, err = coordinator.Sweep(t.Context(), out, time.Now().Add(time.Hour))
	if err != nil || swept.Removed == 0 || swept.Unfinished != "" {
		t.Errorf("sweep of a finished job: got %+v, %v", swept, err)
	}
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
}

// full is the door of a machine whose disk is full.
type full struct{ store.Bucket }

func (full) NewWriter(context.Context, string) (store.Writer, error) {
	return nil, &os.PathError{Op: "write", Path: "/scratch/run-1.spill", Err: syscall.ENOSPC}
}

// TestFullDiskIsNobodysPoison: a machine that cannot do its tasks ends, and the others do them, however few tries a task
// has. Where there are no others, the job ends and says why.
func TestFullDiskIsNobodysPoison(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	for workers, succeeds := range map[int]bool{1: false, 2: true} {
		job, err := Try(t, Options{
			Command: command, Workers: workers, Slots: 2, Trouble: 1,
			Door: func(i int, b store.Bucket) store.Bucket {
				if i == 0 {
					return full{b}
				}
				return b
			},
		})
		switch {
		case succeeds && err != nil:
			t.Errorf("%d workers: %v", workers, err)
		case succeeds:
			sameFiles(t, want, result(t, job.Out))
		case !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/scratch/run-1.spill"):
			t.Errorf("%d workers: got %v", workers, err)
		}
	}
}

// TestStatus tells how a job is going while it runs, from the queue and from the output.
func TestStatus(t *testing.T) {
	_, command := small(t)
	server := Server(t)
	conn := Connect(t, server)
	var once sync.Once
	var seen []queue.Status
	output := t.TempDir()
	job := Run(t, Options{
		Command: command, Output: output, Server: server,
		Door: func(_ int, b store.Bucket) store.Bucket {
			return &reaching{Bucket: b, key: "/commit/map/00000003", once: &once, do: func() {
				var err error
				if seen, err = queue.Statuses(t.Context(), conn); err != nil {
					t.Error(err)
				}
				name, stages, m, err := coordinator.Look(t.Context(), b)
				if err != nil || m != nil || name == "" || len(stages) != 1 || stages[0].Name != "map" || stages[0].Done < 1 || stages[0].Tasks < 10 {
					t.Errorf("look: got %q, %+v, %v", name, stages, err)
				}
			}}
		},
	})
	if len(seen) != 1 || seen[0].Silent || seen[0].Stages[0].Name != "map" || seen[0].Stages[0].Tasks < 10 || len(seen[0].Workers) != 1 {
		t.Errorf("statuses: got %+v", seen)
	}
	if all, err := queue.Statuses(t.Context(), conn); err != nil || len(all) != 0 {
		t.Errorf("statuses after the end: got %+v, %v", all, err)
	}
	if _, _, m, err := coordinator.Look(t.Context(), job.Out); m == nil || err != nil {
		t.Errorf("look after the end: got %v, %v", m, err)
	}
}

// TestHalfWrittenFilesGo with the publishing: what killed workers were writing, and nothing that is not the job's.
func TestHalfWrittenFilesGo(t *testing.T) {
	_, command := small(t)
	output := t.TempDir()
	litter := []string{"protocol=mqtt/.dice-dead.tmp", "reuse/.dice-dead.tmp"}
	foreign := []string{"nested/protocol=mqtt/.dice-alive.tmp", "nested/.dice-alive.tmp"}
	var once sync.Once
	Run(t, Options{Command: command, Output: output, Door: func(i int, b store.Bucket) store.Bucket {
		if i < 0 {
			return b
		}
		return &reaching{Bucket: b, key: "/commit/map/00000000", once: &once, do: func() {
			for _, name := range slices.Concat(litter, foreign) {
				path := filepath.Join(output, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o600)); err != nil {
					t.Error(err)
				}
			}
		}}
	}})
	for _, name := range litter {
		if _, err := os.Stat(filepath.Join(output, name)); err == nil {
			t.Errorf("%s is left", name)
		}
	}
	for _, name := range foreign {
		if _, err := os.Stat(filepath.Join(output, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKilledWhileCleaning: the same command finds the result and cleans up what its predecessor could not.
func TestKilledWhileCleaning(t *testing.T) {
	_, command := small(t)
	want := result(t, Run(t, Options{Command: command}).Out)
	output := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	_, err := TryContext(ctx, t, Options{Command: command, Output: output, Door: func(i int, b store.Bucket) store.Bucket {
		return &reaching{Bucket: b, key: shard.ManifestKey, once: &once, do: cancel}
	}})
	if err == nil {
		t.Fatal("the job was not interrupted")
	}
	job := Run(t, Options{Command: command, Output: output})
	if !job.Result.Earlier {
		t.Error("the job was done again")
	}
	sameFiles(t, want, result(t, job.Out))
	noWorkFiles(t, job.Out)
}
