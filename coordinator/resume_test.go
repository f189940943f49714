package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
)

// promptQueue has a task done as soon as it is handed out.
type promptQueue struct{ do func(queue.Task) }

func (q promptQueue) Publish(_ context.Context, tasks []queue.Task) error {
	for _, task := range tasks {
		q.do(task)
	}
	return nil
}

func (promptQueue) Pending(context.Context) (queue.Pending, error)          { return queue.Pending{}, nil }
func (promptQueue) Purge(context.Context, string) error                     { return nil }
func (promptQueue) Watch(context.Context) (<-chan queue.Progress, error)    { return nil, nil }
func (promptQueue) Answer(context.Context, func() queue.Status) error       { return nil }
func (promptQueue) Delete(context.Context) error                            { return nil }
func (q promptQueue) open(context.Context, string) (queue Queue, err error) { return q, nil }

func localFolder(t *testing.T, dir string) store.Bucket {
	t.Helper()
	b, err := store.Dial(t.Context(), store.Location{Scheme: store.SchemeFile, Path: dir}, store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// twoObjects writes two scans, which become a task each.
func twoObjects(t *testing.T) shard.Command {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a.jsonl", "b.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("{\"ip\":\"192.0.2.1\"}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return shard.Command{Files: []string{dir + "/*"}, Options: shard.Options{
		Source: "zgrab2", Signatures: []string{"mqtt"}, Mode: shard.Labelled, ReuseHosts: 2, ShardBytes: 20,
		PartitionRows: 100, Limits: shard.DefaultLimits, ResultVersion: shard.ResultVersion,
	}}
}

func newTestCoordinator(t *testing.T, command shard.Command, out store.Bucket, do func(queue.Task)) *Coordinator {
	return New(
		Config{Command: command, Output: out.URL(), MaxTrouble: 8, Patience: time.Second, Poll: time.Millisecond},
		Deps{
			Out: out, Open: func(_ context.Context, place string) (store.Bucket, error) { return localFolder(t, place), nil },
			Queue: promptQueue{do}.open, Progress: (*telemetry.Progress)(nil), Log: slog.New(slog.DiscardHandler), Now: time.Now,
		})
}

// TestGivenUpIsTriedOnceMore: what was given up before this run is tried again, and what is given up in it is not, even if
// it was committed when the stage was looked at for the second time.
func TestGivenUpIsTriedOnceMore(t *testing.T) {
	command, out := twoObjects(t), localFolder(t, t.TempDir())
	tries := map[int]int{}
	giveUp := func(task queue.Task) {
		tries[task.ID]++
		err := createJSON(t.Context(), out, shard.Job(task.Job).CommitKey(shard.Map, task.ID), shard.Commit{
			Stage: shard.Map, Task: task.ID, Attempt: "a", ResultVersion: shard.ResultVersion,
			Skipped: []shard.Failure{{Stage: shard.Map, Task: task.ID, Input: task.ID, Cause: "it brought three workers down"}},
		})
		if err != nil {
			t.Error(err)
		}
	}
	first, kill := context.WithCancel(t.Context())
	_, err := newTestCoordinator(t, command, out, func(task queue.Task) {
		if task.ID == 0 {
			giveUp(task)
			kill()
		}
	}).Run(first)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("first run: %v", err)
	}
	second, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = newTestCoordinator(t, command, out, giveUp).Run(second)
	if !errors.Is(err, ErrFailed) || tries[0] != 2 || tries[1] != 1 {
		t.Errorf("tries %v, and the job ends with %v; want 2 and 1, and that it failed", tries, err)
	}
}

// hooked calls before each small object is made or read.
type hooked struct {
	store.Bucket
	before func(call, key string)
}

func (b hooked) Create(ctx context.Context, key string, body []byte) error {
	b.before("create", key)
	return b.Bucket.Create(ctx, key, body)
}

func (b hooked) Get(ctx context.Context, key string, most int64) ([]byte, error) {
	b.before("get", key)
	return b.Bucket.Get(ctx, key, most)
}

// TestPublishedMeanwhile: a coordinator that begins while another one publishes and cleans up hands nothing out, and
// reports that result.
func TestPublishedMeanwhile(t *testing.T) {
	const part = "protocol=mqtt/part-00000.parquet"
	job := shard.Job("20260101t000000-01234567")
	command := twoObjects(t)
	id, err := digest(command)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		when, call, key string
		planned         bool // when the second coordinator begins
	}{
		{"while the store is probed", "create", "", true},
		{"before the plan is made", "create", job.PlanKey(), false},
		{"before the plan is read", "get", job.PlanKey(), true},
	} {
		t.Run(c.when, func(t *testing.T) {
			out, published := localFolder(t, t.TempDir()), false
			put := func(key string, v any) {
				if err := createJSON(t.Context(), out, key, v); err != nil {
					t.Error(err)
				}
			}
			put(shard.ClaimKey, shard.Claim{Job: string(job), Digest: id})
			put(part, "rows")
			put(shard.ProbePrefix+"probe-left-put", "by a coordinator that was killed")
			if c.planned {
				put(job.PlanKey(), shard.Plan{Job: string(job), Digest: id})
			}
			racing := hooked{out, func(call, key string) {
				if published || call != c.call || c.key != "" && key != c.key {
					return
				}
				published = true
				put(shard.ManifestKey, shard.Manifest{Digest: id, Outputs: []shard.Output{{Key: part}}})
				if err := out.Remove(t.Context(), job.PlanKey()); err != nil {
					t.Error(err)
				}
			}}
			result, err := newTestCoordinator(t, command, racing, func(task queue.Task) {
				t.Errorf("task %s was handed out", task)
			}).Run(t.Context())
			if err != nil || !result.Earlier || !published {
				t.Fatalf("got %+v, %v", result, err)
			}
			if _, err := out.Stat(t.Context(), part); err != nil {
				t.Errorf("the published part: %v", err)
			}
			if _, err := out.Stat(t.Context(), job.PlanKey()); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("the plan is there: %v", err)
			}
			if _, err := out.Stat(t.Context(), shard.ProbePrefix+"probe-left-put"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("what was probed with is there: %v", err)
			}
		})
	}
}

// TestCancelledMeanwhile: a job that is cancelled between its claim and its plan has no plan afterwards, and is not begun.
func TestCancelledMeanwhile(t *testing.T) {
	out := localFolder(t, t.TempDir())
	plan := ""
	racing := hooked{out, func(call, key string) {
		if call == "create" && strings.HasSuffix(key, "/plan.json") {
			plan = key
			if err := createJSON(t.Context(), out, shard.ManifestKey, shard.Manifest{Cancelled: true}); err != nil {
				t.Error(err)
			}
		}
	}}
	_, err := newTestCoordinator(t, twoObjects(t), racing, func(task queue.Task) { t.Errorf("task %s was handed out", task) }).Run(t.Context())
	if !errors.Is(err, ErrCancelled) {
		t.Errorf("got %v", err)
	}
	if _, err := out.Stat(t.Context(), plan); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the plan is there: %v", err)
	}
}
