package coordinator

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/queue"
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
		c.view.listed(0, p)
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
