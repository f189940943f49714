package coordinator

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/queue"
)

// TestView follows two workers through a stage, one of which falls silent.
func TestView(t *testing.T) {
	v := newView(after(0))
	if rows, _ := v.hear(queue.Progress{Worker: "a", Stage: "map", Rows: 5}, after(0)); rows != 0 {
		t.Errorf("before the first stage: %d rows", rows)
	}
	v.stage("map", 10, 4, after(10))
	v.listed(queue.Pending{Waiting: 3, Taken: 2, Idle: 1})
	tell := func(at int, p queue.Progress, want int64) {
		t.Helper()
		if p.Stage == "" {
			p.Stage = "map"
		}
		if rows, _ := v.hear(p, after(at)); rows != want {
			t.Errorf("%+v: %d more rows, want %d", p, rows, want)
		}
	}
	tell(10, queue.Progress{Worker: "a", Task: 4, Attempt: 1, Rows: 100}, 100)
	tell(11, queue.Progress{Worker: "a", Task: 4, Attempt: 1, Rows: 150}, 50)
	tell(11, queue.Progress{Worker: "b", Task: 5, Attempt: 2, Rows: 10}, 10) // taken over
	tell(12, queue.Progress{Worker: "a", Task: 4, Attempt: 1, Rows: 200, Done: true}, 50)
	tell(12, queue.Progress{Worker: "a", Task: 4, Attempt: 1, Rows: 200}, 0) // overtaken by what came after it
	tell(12, queue.Progress{Worker: "a", Task: 4, Attempt: 1, Rows: 200, Done: true}, 0)
	tell(12, queue.Progress{Worker: "a", Stage: "write", Task: 0, Rows: 9}, 0)
	tell(12, queue.Progress{Worker: "c", Refused: "another version"}, 0)
	tell(13, queue.Progress{Worker: "a", Task: 6, Attempt: 1, Rows: 5, Error: "store is slow"}, 5)
	tell(13, queue.Progress{Worker: "a", Task: 6, Attempt: 2, Rows: 1}, 0) // these were read before
	tell(20, queue.Progress{Worker: "a", Task: 6, Attempt: 2, Rows: 90, Done: true}, 85)
	v.again(1)
	v.count(6)
	got := v.status(after(50))
	want := queue.Status{
		Elapsed: 50, Stages: []queue.StageStatus{{Name: "map", Tasks: 10, Done: 6}}, Rows: 300, RowsPerSecond: 7.5,
		Left: 80, Waiting: 3, AtWork: 2, Idle: 1, Retries: 1, Taken: 2, Offered: 1,
		Workers: []queue.WorkerStatus{
			{Name: "a", Done: 2, RowsPerSecond: 295.0 / 50, Heard: 30},
			{Name: "b", RowsPerSecond: 10.0 / 39, Heard: 39}, // silent for long, so at no task
			{Name: "c", Heard: 38, Trouble: "another version"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	v.stage("write", 2, 0, after(400))
	if s := v.status(after(400)); len(s.Workers) != 0 || s.Rows != 0 || s.Left != 0 || len(s.Stages) != 2 {
		t.Errorf("in the next stage, long after: %+v", s)
	}
}

// TestStatusAgreesWithItself between two looks into the queue: who says that it is at work is, and what was handed out waits
// unless somebody is at it.
func TestStatusAgreesWithItself(t *testing.T) {
	v := newView(after(0))
	v.stage("map", 10, 0, after(0))
	v.listed(queue.Pending{Idle: 2})
	look := func(what string, waiting, atWork int) {
		t.Helper()
		s := v.status(after(1))
		told := 0
		for _, w := range s.Workers {
			told += w.Tasks
		}
		if s.Waiting != waiting || s.AtWork != atWork || told > atWork {
			t.Errorf("%s: %d tasks wait, %d are at work, want %d and %d; workers tell of %d", what, s.Waiting, s.AtWork, waiting, atWork, told)
		}
	}
	look("at first", 0, 0)
	v.handedOut(10)
	look("handed out", 10, 0)
	v.hear(queue.Progress{Worker: "a", Stage: "map", Task: 0, Attempt: 1}, after(1))
	v.hear(queue.Progress{Worker: "b", Stage: "map", Task: 1, Attempt: 1}, after(1))
	look("taken", 8, 2)
	v.listed(queue.Pending{Waiting: 7, Taken: 3})
	look("looked at", 7, 3)
}
