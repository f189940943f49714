package coordinator

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// TestWorkersAreCalledFor when there are tasks and nobody does them, whatever the queue says of tasks that were given
// back with a delay.
func TestWorkersAreCalledFor(t *testing.T) {
	var said bytes.Buffer
	c := &Coordinator{deps: Deps{Log: slog.New(slog.NewTextHandler(&said, nil))}, view: newView(after(0))}
	c.view.stage("map", 5, 0, after(0))
	look := func(second int, p queue.Pending, want int) {
		t.Helper()
		c.pending = p
		c.view.listed(p)
		c.callForWorkers(after(second))
		if got := strings.Count(said.String(), "there is no worker"); got != want {
			t.Errorf("after %d s: called %d times, want %d", second, got, want)
		}
	}
	look(0, queue.Pending{Waiting: 3}, 0)
	look(10, queue.Pending{Waiting: 3}, 0)
	look(16, queue.Pending{Waiting: 3}, 1)
	look(20, queue.Pending{Taken: 3}, 1) // not yet again
	look(77, queue.Pending{Taken: 3}, 2)
	c.view.hear(queue.Progress{Worker: "a", Stage: "map"}, after(78))
	look(100, queue.Pending{Taken: 3}, 2) // it was heard of
	look(139, queue.Pending{Taken: 3}, 2) // and then not any more
	look(155, queue.Pending{Taken: 3}, 3)
	look(300, queue.Pending{Taken: 3, Idle: 1}, 3)
	look(400, queue.Pending{}, 3)
}

// shown is a Progress that keeps what it is shown.
type shown struct {
	rows, done int64
	phases     []string // that began, and "done"
}

func (s *shown) Phase(name string, _, done int64) {
	s.rows, s.done, s.phases = 0, done, append(s.phases, name)
}
func (s *shown) Set(_ string, done int64) { s.done = done }
func (s *shown) Done()                    { s.phases = append(s.phases, "done") }
func (s *shown) Advance(_ string, rows, _, tasks int64) {
	s.rows, s.done = s.rows+rows, s.done+tasks
}

// TestTasksAndRowsCountOnce however many workers say that they are done, and the listing has the last word.
func TestTasksAndRowsCountOnce(t *testing.T) {
	seen := &shown{}
	c := &Coordinator{view: newView(after(0)), deps: Deps{
		Log: slog.New(slog.DiscardHandler), Progress: seen, Now: func() time.Time { return after(1) },
	}}
	m := &machine{policy: policy{maxTrouble: 8, patience: time.Minute}}
	c.view.stage("map", 3, 1, after(0))
	seen.Phase("map", 3, 1)
	m.handle(began{listed: listed{stage: shard.Map, done: []int{0}, waiting: -1}, tasks: 3})
	want := func(what string, done, rows int64) {
		t.Helper()
		s := c.view.status(after(1))
		if seen.done != done || seen.rows != rows || int64(s.Stages[0].Done) != done || s.Rows != rows {
			t.Errorf("%s: %+v and %+v, want %d tasks and %d rows", what, seen, s, done, rows)
		}
	}
	want("begun", 1, 0)
	report := queue.Progress{Worker: "a", Stage: "map", Task: 1, Attempt: 1, Rows: 40, Error: "slow"}
	c.hear(m, report)
	report.Attempt, report.Rows, report.Error, report.Done = 2, 100, "", true
	c.hear(m, report)
	want("done after a failure", 2, 100)
	report.Worker, report.Attempt = "b", 3
	c.hear(m, report)
	want("done twice", 2, 100)
	report.Task, report.Worker, report.Rows = 0, "c", 0
	c.hear(m, report)
	want("done before, and once more", 2, 100)
	c.see(m, listed{stage: shard.Map, done: []int{2}, waiting: -1})
	want("listed", 1, 100)
}

// closedQueue takes no tasks until it is open.
type closedQueue struct {
	promptQueue
	open bool
}

func (q *closedQueue) Publish(context.Context, []queue.Task) error {
	if q.open {
		return nil
	}
	return errors.New("no answer")
}

// TestStragglersThatWereNotOfferedAreOfferedAgain, and counted once the queue has taken them.
func TestStragglersThatWereNotOfferedAreOfferedAgain(t *testing.T) {
	q := &closedQueue{}
	c := &Coordinator{view: newView(after(0)), queue: q, plan: &shard.Plan{Job: "job"}, deps: Deps{Log: slog.New(slog.DiscardHandler)}}
	m := &machine{policy: policy{patience: time.Second}}
	play(t, m, []step{
		{began{listed{stage: shard.Map, waiting: 1, at: after(0)}, 1, 0}, nil}, {heard{shard.Map, 0, after(0)}, nil},
	})
	look := func(second int, generation, counted int) {
		t.Helper()
		actions := m.handle(listed{stage: shard.Map, taken: 1, at: after(second)})
		var want []action
		if generation > 0 {
			want = []action{publish{shard.Map, []int{0}, generation, true}}
		}
		if diff := cmp.Diff(want, actions, allowActions); diff != "" {
			t.Fatalf("after %d s: want - got +\n%s", second, diff)
		}
		for _, a := range actions {
			if more, over, err := c.perform(t.Context(), m, a); len(more) > 0 || over || err != nil {
				t.Errorf("after %d s: %v, %v, %v", second, more, over, err)
			}
		}
		if got := c.view.status(after(second)).Offered; got != counted {
			t.Errorf("after %d s: %d offered, want %d", second, got, counted)
		}
	}
	look(101, 1, 0)
	q.open = true
	look(102, 2, 1)
	look(103, 0, 1)
}

// TestChangedInputsNameTheWayOut for the same command would fail again.
func TestChangedInputsNameTheWayOut(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  bool
	}{{store.ErrChanged, true}, {store.ErrDenied, false}} {
		_, over, err := (&Coordinator{}).perform(t.Context(), nil, fail{"read scan.jsonl: " + c.cause.Error()})
		if !over || !errors.Is(err, ErrFailed) || strings.Contains(err.Error(), "dice cancel") != c.want {
			t.Errorf("%v: %v", c.cause, err)
		}
	}
}

// TestOnlyWhatIsDoneIsSaidToBe: a stage whose tasks are all there, as the listing tells, and not one that fails or is
// interrupted.
func TestOnlyWhatIsDoneIsSaidToBe(t *testing.T) {
	command := twoObjects(t)
	for _, c := range []struct {
		what    string
		skipped bool
		want    []string
	}{
		{"failed", true, []string{"map"}},
		{"interrupted in the second stage", false, []string{"map", "done", "identity"}},
	} {
		seen, out := &shown{}, localFolder(t, t.TempDir())
		ctx, kill := context.WithTimeout(t.Context(), 20*time.Second)
		defer kill()
		job := newTestCoordinator(t, command, out, func(task queue.Task) {
			if task.Stage != string(shard.Map) {
				kill()
				return
			}
			made := shard.Commit{Stage: shard.Map, Task: task.ID, Attempt: "a", ResultVersion: shard.ResultVersion}
			if c.skipped {
				made.Skipped = []shard.Failure{{Stage: shard.Map, Task: task.ID, Input: task.ID, Cause: "it brought three workers down"}}
			} else {
				made.Map = &shard.MapResult{Protocols: make([]shard.ProtocolCounts, 1), Slices: make([]shard.SliceCounts, 1)}
			}
			if err := createJSON(t.Context(), out, shard.Job(task.Job).CommitKey(shard.Map, task.ID), made); err != nil {
				t.Error(err)
			}
		})
		job.deps.Progress = seen
		_, err := job.Run(ctx)
		if err == nil || !slices.Equal(seen.phases, c.want) || c.skipped && seen.done != 2 {
			t.Errorf("%s: shown %+v, want %q; job ends with %v", c.what, seen, c.want, err)
		}
	}
}
