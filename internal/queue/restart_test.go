package queue_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
)

// TestServerIsKilled kills a separate server under a coordinator and workers: no task is lost, finished ones do not
// come back, and everyone goes on by themselves.
func TestServerIsKilled(t *testing.T) {
	srv := servertest.StartNATS(t)
	url := "nats://" + srv.Addr
	q := open(t, connectURL(t, url), "job", queue.Config{Lease: 3 * time.Second})
	check(t, q.Publish(t.Context(), tasks("job", 200)))
	taker := newTaker(t, connectURL(t, url))
	seen := map[int]int{}
	finish := func(leases []*queue.Lease) {
		for _, l := range leases {
			seen[l.Task.ID]++
			check(t, l.Done(t.Context()))
		}
	}
	finish(take(t, taker, 50, 10*time.Second))
	inHand := take(t, taker, 10, 10*time.Second)
	srv.Kill()
	// The client may write to a dead socket once, before it notices.
	waitFor(t, 3*time.Second, "Extend without a server fails", func() bool { return inHand[0].Extend() != nil })
	check(t, srv.Start())
	published := make(chan error, 1)
	go func() { published <- q.Publish(t.Context(), tasks("job", 210)) }() // ten new ones, others are there or done
	for len(seen) < 200 {
		finish(take(t, taker, 16, 30*time.Second))
	}
	check(t, <-published)
	again := 0
	for queued := 1; queued > 0; {
		leases := take(t, taker, 16, 5*time.Second)
		finish(leases)
		pending, err := q.Pending(t.Context())
		check(t, err)
		queued = pending.All()
	}
	for id, n := range seen {
		if n > 1 {
			again++
			if id >= 60 || n > 2 {
				t.Errorf("task %d was finished %d times, though it was not when the server died", id, n)
			}
		}
	}
	// The server forgets the ids of finished tasks when it is killed: those that were published again come back once.
	if len(seen) != 210 || again > 60 {
		t.Errorf("%d tasks, %d of them again, want 210", len(seen), again)
	}
}

// TestEmbeddedRestart restarts an embedded server with its folder.
func TestEmbeddedRestart(t *testing.T) {
	dir := t.TempDir()
	addr := freeAddr(t)
	srv, err := queue.Start(queue.ServerConfig{StoreDir: dir, Listen: addr})
	check(t, err)
	taker := newTaker(t, connectURL(t, "nats://"+addr))
	check(t, open(t, connectEmbedded(t, srv), "job", queue.Config{}).Publish(t.Context(), tasks("job", 20)))
	for _, l := range take(t, taker, 5, 10*time.Second) {
		check(t, l.Done(t.Context()))
	}
	srv.Shutdown()
	start := time.Now()
	srv, err = queue.Start(queue.ServerConfig{StoreDir: dir, Listen: addr})
	check(t, err)
	t.Cleanup(srv.Shutdown)
	t.Logf("ready again after %v", time.Since(start))
	got := 0
	for got < 15 {
		leases := take(t, taker, 20, 20*time.Second)
		if len(leases) == 0 {
			t.Fatalf("took %d tasks after the restart, want 15", got)
		}
		got += len(leases)
		for _, l := range leases {
			check(t, l.Done(t.Context()))
		}
	}
	wantPending(t, open(t, connectEmbedded(t, srv), "job", queue.Config{}), queue.Pending{})
}

// TestOwnFolderCannotBeUsed: nobody but who started the process can mend that, so it is told at once, and its server's
// complaints once.
func TestOwnFolderCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	srv, err := queue.Start(queue.ServerConfig{StoreDir: dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	check(t, err)
	t.Cleanup(srv.Shutdown)
	conn := connectEmbedded(t, srv)
	check(t, os.RemoveAll(filepath.Join(dir, "jetstream")))
	check(t, os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600)) // stands for a full disk
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 3 {
		_, err := queue.Open(ctx, conn, "job", queue.Config{})
		if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "--scratch") || !strings.Contains(err.Error(), "not a directory") {
			t.Fatalf("got %v, %v, want an error that names the flag and the cause", err, ctx.Err())
		}
	}
	srv.Shutdown()
	if n := strings.Count(log.String(), "Stream create failed"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
}

// TestWaitingTakerSurvives lets a taker wait while its server is restarted and while its job goes and another comes.
func TestWaitingTakerSurvives(t *testing.T) {
	srv := servertest.StartNATS(t)
	url := "nats://" + srv.Addr
	conn := connectURL(t, url)
	taker := newTaker(t, connectURL(t, url))
	q := open(t, conn, "one", queue.Config{})
	got := make(chan *queue.Lease, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	next := func() {
		wg.Go(func() { got <- takeOne(t, taker) })
		time.Sleep(300 * time.Millisecond) // it waits now
	}
	want := func(job string) {
		t.Helper()
		start := time.Now()
		select {
		case l := <-got:
			t.Logf("%s after %v", l.Task, time.Since(start))
			if l.Task.Job != job {
				t.Errorf("took %s, want a task of %s", l.Task, job)
			}
			check(t, l.Done(t.Context()))
		case <-time.After(20 * time.Second):
			t.Fatalf("no task of %s", job)
		}
	}

	next()
	srv.Stop()
	check(t, srv.Start())
	check(t, q.Publish(t.Context(), tasks("one", 1)))
	want("one")

	next()
	check(t, q.Delete(t.Context()))
	check(t, q.Delete(t.Context()))
	two := open(t, conn, "two", queue.Config{})
	check(t, two.Publish(t.Context(), tasks("two", 1)))
	want("two")
}

// TestDialWaits dials before the server is there.
func TestDialWaits(t *testing.T) {
	addr := freeAddr(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := queue.Dial(ctx, "nats://user:hidden@"+addr, queue.ConnConfig{}); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("Dial without a server: got %v", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { connectURL(t, "nats://"+addr) })
	time.Sleep(300 * time.Millisecond)
	startEmbedded(t, t.TempDir(), addr)
	wg.Wait()
}

// TestCancelledTakeLosesNothing cancels waits while tasks arrive: none may be lost for the length of a lease.
func TestCancelledTakeLosesNothing(t *testing.T) {
	conn := connectURL(t, servertest.NATS(t))
	job := newJob()
	q := open(t, conn, job, queue.Config{Lease: 10 * time.Minute})
	const n = 300
	taker := newTaker(t, connectURL(t, servertest.NATS(t)))
	check(t, q.Publish(t.Context(), []queue.Task{{Job: job, Stage: "map", ID: n}}))
	check(t, takeOne(t, taker).Done(t.Context())) // it knows the job now, however slow the machine
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range n {
			if err := q.Publish(t.Context(), []queue.Task{{Job: job, Stage: "map", ID: i}}); err != nil {
				t.Error(err)
			}
		}
	})
	got := 0
	for deadline := time.Now().Add(time.Minute); got < n && time.Now().Before(deadline); {
		leases := take(t, taker, 1, 2*time.Millisecond)
		got += len(leases)
		for _, l := range leases {
			check(t, l.Done(t.Context()))
		}
	}
	wg.Wait()
	if got != n {
		t.Errorf("took %d tasks of %d in time", got, n)
	}
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().String()
}

// TestLostQueueIsMadeAnew: JetStream's data is gone. Whether the coordinator looks into the queue next or hands tasks
// out, it finds an empty one.
func TestLostQueueIsMadeAnew(t *testing.T) {
	for _, look := range []bool{true, false} {
		srv := servertest.StartNATS(t)
		conn := connectURL(t, "nats://"+srv.Addr)
		q := open(t, conn, "job", queue.Config{})
		check(t, q.Publish(t.Context(), tasks("job", 3)))
		srv.Kill()
		check(t, os.RemoveAll(srv.Dir))
		check(t, srv.Start())
		waitFor(t, 20*time.Second, "the connection", conn.IsConnected)
		if look {
			var pending queue.Pending
			waitFor(t, 20*time.Second, "an empty queue", func() bool {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				var err error
				pending, err = q.Pending(ctx)
				return err == nil
			})
			if pending.All() != 0 {
				t.Errorf("pending: got %+v", pending)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		check(t, q.Publish(ctx, tasks("job", 3)))
		var got []int
		for taker := newTaker(t, conn); len(got) < 3; {
			got = append(got, takeOne(t, taker).Task.ID)
		}
		if slices.Sort(got); !slices.Equal(got, []int{0, 1, 2}) {
			t.Errorf("took %v", got)
		}
	}
}

// TestLostAnswersAreNotWaitedFor: a question whose answer never comes is given up long before its context ends.
func TestLostAnswersAreNotWaitedFor(t *testing.T) {
	srv := servertest.StartNATS(t)
	conn := connectURL(t, "nats://"+srv.Addr)
	q := open(t, conn, "job", queue.Config{})
	check(t, q.Publish(t.Context(), tasks("job", 1)))
	lease := takeOne(t, newTaker(t, conn))
	check(t, srv.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var asking sync.WaitGroup
	for name, ask := range map[string]func() error{
		"Pending": func() error { _, err := q.Pending(ctx); return err },
		"Purge":   func() error { return q.Purge(ctx, "map") },
		"Delete":  func() error { return q.Delete(ctx) },
		"Done":    func() error { return lease.Done(ctx) },
		"Jobs":    func() error { _, err := queue.Jobs(ctx, conn); return err },
	} {
		asking.Go(func() {
			if err := ask(); err == nil || ctx.Err() != nil {
				t.Errorf("%s: %v, context: %v; want an error while it goes on", name, err, ctx.Err())
			}
		})
	}
	asking.Wait()
	check(t, srv.Resume())
}
