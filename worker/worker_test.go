package worker

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// brokenBucket panics when it is asked whether something is there.
type brokenBucket struct{ store.Bucket }

func (brokenBucket) Stat(context.Context, string) (store.Info, error) { panic("broken") }

// takeOneOf publishes a task to a queue in this process and returns its taker and its lease.
func takeOneOf(t *testing.T, task queue.Task) (*queue.Taker, *queue.Lease) {
	t.Helper()
	server, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	conn, err := server.Connect(queue.ConnConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	q, err := queue.Open(t.Context(), conn, task.Job, queue.Config{})
	if err == nil {
		err = q.Publish(t.Context(), []queue.Task{task})
	}
	if err != nil {
		t.Fatal(err)
	}
	taker := queue.NewTaker(conn, queue.TakerConfig{})
	t.Cleanup(taker.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	leases, err := taker.Take(ctx, 1)
	if err != nil || len(leases) != 1 {
		t.Fatalf("took %d tasks, %v", len(leases), err)
	}
	return taker, leases[0]
}

// TestPanicOfOurOwnEndsTheWorker at once: it does not wait for those who extend the lease until the task counts as hung.
func TestPanicOfOurOwnEndsTheWorker(t *testing.T) {
	taker, lease := takeOneOf(t, queue.Task{Job: "job", Stage: string(shard.Map)})
	w, err := New(Config{Slots: 1, Memory: minMemory, Scratch: t.TempDir(), MaxFailures: 1}, taker, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	w.jobs.plans.keep("job", &job{key: "job", out: brokenBucket{}})
	ended := make(chan any)
	go func() {
		defer func() { ended <- recover() }()
		_, _ = w.do(t.Context(), lease, &memos{})
	}()
	select {
	case cause := <-ended:
		if cause != "broken" {
			t.Errorf("ended with %v", cause)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the panic is waited with")
	}
}
