package queue_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
)

// servers are the ways to run NATS that every test of the protocol is held against.
func servers(t *testing.T, test func(t *testing.T, connect func(t *testing.T) *queue.Conn)) {
	t.Run("embedded", func(t *testing.T) {
		srv := startEmbedded(t, t.TempDir(), "")
		test(t, func(t *testing.T) *queue.Conn { return connectEmbedded(t, srv) })
	})
	t.Run("separate", func(t *testing.T) {
		url := servertest.NATS(t)
		test(t, func(t *testing.T) *queue.Conn { return connectURL(t, url) })
	})
}

func startEmbedded(t *testing.T, dir, listen string) *queue.Server {
	t.Helper()
	srv, err := queue.Start(queue.ServerConfig{StoreDir: dir, Listen: listen})
	check(t, err)
	t.Cleanup(srv.Shutdown)
	return srv
}

func connectEmbedded(t *testing.T, srv *queue.Server) *queue.Conn {
	t.Helper()
	conn, err := srv.Connect(queue.ConnConfig{Name: t.Name()})
	check(t, err)
	t.Cleanup(conn.Close)
	return conn
}

func connectURL(t *testing.T, url string) *queue.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := queue.Dial(ctx, url, queue.ConnConfig{Name: t.Name()})
	check(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// newJob returns a job's name that no other test has.
func newJob() string { return "job" + strconv.FormatInt(jobNumber.Add(1), 10) }

var jobNumber atomic.Int64

func open(t *testing.T, conn *queue.Conn, job string, cfg queue.Config) *queue.Queue {
	t.Helper()
	q, err := queue.Open(t.Context(), conn, job, cfg)
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = q.Delete(ctx) // its server may be gone
	})
	return q
}

func tasks(job string, n int) []queue.Task {
	out := make([]queue.Task, n)
	for i := range out {
		out[i] = queue.Task{Job: job, Output: "s3://bucket/out", Stage: "map", ID: i}
	}
	return out
}

func newTaker(t *testing.T, conn *queue.Conn) *queue.Taker {
	t.Helper()
	taker := queue.NewTaker(conn, queue.TakerConfig{})
	t.Cleanup(taker.Close)
	return taker
}

// take takes up to n tasks within a time.
func take(t *testing.T, taker *queue.Taker, n int, within time.Duration) []*queue.Lease {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	leases, err := taker.Take(ctx, n)
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
	return leases
}

func takeOne(t *testing.T, taker *queue.Taker) *queue.Lease {
	t.Helper()
	leases := take(t, taker, 1, 20*time.Second)
	if len(leases) != 1 {
		t.Fatalf("took %d tasks, want 1", len(leases))
	}
	return leases[0]
}

func wantNone(t *testing.T, taker *queue.Taker, within time.Duration) {
	t.Helper()
	for _, l := range take(t, taker, 1, within) {
		t.Fatalf("took %s (attempt %d), want nothing", l.Task, l.Attempt)
	}
}

// wantPending waits for the server's figures to be right: they follow what happens after a moment.
func wantPending(t *testing.T, q *queue.Queue, want queue.Pending) {
	t.Helper()
	var got queue.Pending
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var err error
		got, err = q.Pending(t.Context())
		check(t, err)
		if got.Idle = 0; got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("pending: got %+v, want %+v", got, want)
			return
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTakeAndFinish(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		conn := connect(t)
		q := open(t, conn, job, queue.Config{})
		check(t, q.Publish(t.Context(), tasks(job, 3)))
		wantPending(t, q, queue.Pending{Waiting: 3})
		taker := newTaker(t, connect(t))
		leases := take(t, taker, 2, 10*time.Second)
		if len(leases) != 2 || leases[0].Task != tasks(job, 3)[0] || leases[0].Attempt != 1 {
			t.Fatalf("took %v", leases)
		}
		wantPending(t, q, queue.Pending{Waiting: 1, Taken: 2})
		for _, l := range leases {
			check(t, l.Done(t.Context()))
		}
		check(t, takeOne(t, taker).Done(t.Context()))
		wantPending(t, q, queue.Pending{})
		wantNone(t, taker, 300*time.Millisecond)
		if p, err := q.Pending(t.Context()); p.All() != 0 || err != nil {
			t.Errorf("Pending: got %+v, %v", p, err)
		}
	})
}

func TestLostLeaseIsHandedOutAgain(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		q := open(t, connect(t), job, queue.Config{Lease: time.Second})
		check(t, q.Publish(t.Context(), tasks(job, 1)))
		start := time.Now()
		first := takeOne(t, newTaker(t, connect(t)))
		second := takeOne(t, newTaker(t, connect(t)))
		if took := time.Since(start); took < 900*time.Millisecond || took > 5*time.Second {
			t.Errorf("handed out again after %v, want about 1s", took)
		}
		if second.Task != first.Task || second.Attempt != 2 {
			t.Errorf("got %v attempt %d", second.Task, second.Attempt)
		}
		check(t, first.Done(t.Context())) // late, and as good as the other
		check(t, second.Done(t.Context()))
		wantPending(t, q, queue.Pending{})
	})
}

func TestExtendKeepsTheLease(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		q := open(t, connect(t), job, queue.Config{Lease: 3 * time.Second})
		check(t, q.Publish(t.Context(), tasks(job, 1)))
		l := takeOne(t, newTaker(t, connect(t)))
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(300 * time.Millisecond):
					if err := l.Extend(); err != nil {
						t.Error(err)
					}
				}
			}
		})
		wantNone(t, newTaker(t, connect(t)), 6*time.Second)
		close(stop)
		wg.Wait()
		check(t, l.Done(t.Context()))
		wantPending(t, q, queue.Pending{})
	})
}

func TestRetryDelay(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		q := open(t, connect(t), job, queue.Config{})
		check(t, q.Publish(t.Context(), tasks(job, 1)))
		taker := newTaker(t, connect(t))
		check(t, takeOne(t, taker).Retry(0))
		again := takeOne(t, taker)
		start := time.Now()
		check(t, again.Retry(time.Second))
		third := takeOne(t, taker)
		if took := time.Since(start); took < 900*time.Millisecond || took > 5*time.Second || third.Attempt != 3 {
			t.Errorf("attempt %d after %v, want 3 after 1s", third.Attempt, took)
		}
		check(t, third.Done(t.Context()))
	})
}

func TestPublishTwice(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		q := open(t, connect(t), job, queue.Config{})
		check(t, q.Publish(t.Context(), tasks(job, 600)))
		check(t, q.Publish(t.Context(), tasks(job, 601)))
		wantPending(t, q, queue.Pending{Waiting: 601})
		next := tasks(job, 1)
		next[0].Generation = 1
		check(t, q.Publish(t.Context(), next))
		wantPending(t, q, queue.Pending{Waiting: 602})
		check(t, q.Purge(t.Context(), "map"))
		wantPending(t, q, queue.Pending{})
		check(t, q.Publish(t.Context(), nil))
	})
}

// TestUnsentTasksSayWhy: what the client answers when it cannot send is what people read.
func TestUnsentTasksSayWhy(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	q := open(t, conn, "job", queue.Config{})
	conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // one try
	err := q.Publish(ctx, tasks("job", 2))
	if err == nil || !strings.Contains(err.Error(), "send task job/map/0/0") || !strings.Contains(err.Error(), "connection closed") {
		t.Errorf("got %v", err)
	}
}

func TestBadTasks(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	q := open(t, conn, "good", queue.Config{})
	for _, task := range []queue.Task{
		{Job: "good", Stage: "map", ID: -1}, {Job: "good", Stage: "a.b"}, {Job: "good"}, {Job: "other", Stage: "map"},
		{Job: "good", Stage: "*"}, {Job: "good", Stage: "map", Generation: -1},
	} {
		if err := q.Publish(t.Context(), []queue.Task{task}); err == nil {
			t.Errorf("Publish(%s): got no error", task)
		}
	}
	for _, job := range []string{"", "a.b", "a b", ">", "*", string(make([]byte, 65))} {
		if _, err := queue.Open(t.Context(), conn, job, queue.Config{}); err == nil {
			t.Errorf("Open(%q): got no error", job)
		}
	}
	for _, body := range []string{"", "{", `{"job":"good"}`, `{"job":"a.b","stage":"map"}`} {
		check(t, conn.Publish("dice.good.task.map", []byte(body)))
	}
	check(t, q.Publish(t.Context(), tasks("good", 1)))
	l := takeOne(t, newTaker(t, conn))
	if l.Task != tasks("good", 1)[0] {
		t.Errorf("took %s", l.Task)
	}
	check(t, l.Done(t.Context()))
	wantPending(t, q, queue.Pending{})
}

func TestExactlyAsManyAsAsked(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		q := open(t, connect(t), job, queue.Config{})
		check(t, q.Publish(t.Context(), tasks(job, 100)))
		taker := newTaker(t, connect(t))
		taken := 0
		for _, n := range []int{1, 7, 32, 64} {
			got := take(t, taker, n, 10*time.Second)
			if want := min(n, 100-taken); len(got) != want {
				t.Errorf("Take(%d): got %d tasks, want %d", n, len(got), want)
			}
			taken += len(got)
			wantPending(t, q, queue.Pending{Waiting: 100 - taken, Taken: taken})
		}
	})
}

func TestWaitingTakerIsServed(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		conn := connect(t)
		taker := newTaker(t, connect(t))
		got := make(chan int, 10)
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 2 {
				leases := take(t, taker, 5, 20*time.Second)
				got <- len(leases)
				for _, l := range leases {
					if err := l.Done(t.Context()); err != nil {
						t.Error(err)
					}
				}
			}
		})
		time.Sleep(200 * time.Millisecond) // it waits for a job now
		job := newJob()
		q := open(t, conn, job, queue.Config{})
		start := time.Now()
		check(t, q.Publish(t.Context(), tasks(job, 1)))
		first := <-got
		time.Sleep(200 * time.Millisecond) // it waits for a task of this job now
		again := tasks(job, 1)
		again[0].ID = 1
		check(t, q.Publish(t.Context(), again))
		if second := <-got; first != 1 || second != 1 || time.Since(start) > 4*time.Second {
			t.Errorf("took %d and %d tasks in %v", first, second, time.Since(start))
		}
		wg.Wait()
	})
}

func TestOldestJobFirst(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	for _, job := range []string{"second", "first", "third"} { // made in this order
		check(t, open(t, conn, job, queue.Config{}).Publish(t.Context(), tasks(job, 2)))
	}
	taker := newTaker(t, conn)
	var got []string
	for range 6 {
		l := takeOne(t, taker)
		got = append(got, l.Task.Job)
		check(t, l.Done(t.Context()))
	}
	if want := []string{"second", "second", "first", "first", "third", "third"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	wantNone(t, taker, 200*time.Millisecond)
	done := make(chan *queue.Lease)
	go func() { done <- takeOne(t, taker) }()
	time.Sleep(200 * time.Millisecond) // it waits at the oldest
	start := time.Now()
	q, err := queue.Open(t.Context(), conn, "third", queue.Config{})
	check(t, err)
	check(t, q.Publish(t.Context(), []queue.Task{{Job: "third", Stage: "write"}}))
	if l := <-done; l.Task.Job != "third" || time.Since(start) > 4*time.Second {
		t.Errorf("got %s after %v, want a task of the third job at once", l.Task, time.Since(start))
	}
}

// TestShunnedJobKeepsNobody: others are served meanwhile, and it is served again when its time is over.
func TestShunnedJobKeepsNobody(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	for _, job := range []string{"failing", "well"} {
		check(t, open(t, conn, job, queue.Config{}).Publish(t.Context(), tasks(job, 3)))
	}
	taker := newTaker(t, conn)
	const pause = time.Second
	var got []string
	start := time.Now()
	for len(got) < 6 {
		l := takeOne(t, taker)
		got = append(got, l.Task.Job)
		check(t, l.Done(t.Context()))
		if len(got) == 1 {
			taker.Shun("failing", pause)
			taker.Shun("failing", pause/100) // the longer one counts
		}
	}
	if want := []string{"failing", "well", "well", "well", "failing", "failing"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if took := time.Since(start); took < pause || took > 10*pause {
		t.Errorf("served again after %v, want %v", took, pause)
	}
	for _, job := range []string{"failing", "well"} {
		q, err := queue.Open(t.Context(), conn, job, queue.Config{})
		check(t, err)
		check(t, q.Publish(t.Context(), []queue.Task{{Job: job, Stage: "write"}}))
	}
	if first := takeOne(t, taker); first.Task.Job != "well" {
		t.Errorf("a job that was shunned lately is served before others")
	}
	if second := takeOne(t, taker); second.Task.Job != "failing" {
		t.Errorf("got %s", second.Task)
	}
}

// TestShunEndsAWait at the job that is shunned from now on.
func TestShunEndsAWait(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	q := open(t, conn, "failing", queue.Config{})
	taker := newTaker(t, conn)
	done := make(chan *queue.Lease)
	go func() { done <- takeOne(t, taker) }()
	time.Sleep(200 * time.Millisecond) // it waits
	const pause = time.Second
	start := time.Now()
	taker.Shun("failing", pause)
	time.Sleep(100 * time.Millisecond)
	check(t, q.Publish(t.Context(), tasks("failing", 1)))
	<-done
	if took := time.Since(start); took < pause {
		t.Errorf("served after %v, want %v", took, pause)
	}
}

func TestThousandWaiting(t *testing.T) {
	const workers = 1000
	url := servertest.NATS(t)
	job := newJob()
	q := open(t, connectURL(t, url), job, queue.Config{})
	conns := make([]*queue.Conn, 10)
	for i := range conns {
		conns[i] = connectURL(t, url)
	}
	var wg sync.WaitGroup
	seen := make([]atomic.Int64, workers)
	for i := range workers {
		taker := newTaker(t, conns[i%len(conns)])
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			leases, err := taker.Take(ctx, 1)
			if err != nil || len(leases) != 1 {
				t.Errorf("worker %d: took %d tasks: %v", i, len(leases), err)
				return
			}
			seen[leases[0].Task.ID].Add(1)
			if err := leases[0].Done(ctx); err != nil {
				t.Errorf("worker %d: %v", i, err)
			}
		})
	}
	waitFor(t, 60*time.Second, "all workers to wait", func() bool {
		p, err := q.Pending(t.Context())
		return err == nil && p.Idle == workers
	})
	start := time.Now()
	check(t, q.Publish(t.Context(), tasks(job, workers)))
	wg.Wait()
	t.Logf("%d waiting workers were served in %v", workers, time.Since(start))
	for i := range seen {
		if n := seen[i].Load(); n != 1 {
			t.Errorf("task %d was taken %d times", i, n)
		}
	}
	wantPending(t, q, queue.Pending{})
}

// TestIdleTakerIsSilent counts what a worker sends that waits for a job, and one that waits for a task.
func TestIdleTakerIsSilent(t *testing.T) {
	srv := startEmbedded(t, t.TempDir(), "")
	silent := func(what string) {
		t.Helper()
		conn := connectEmbedded(t, srv)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		wg.Go(func() { _, _ = newTaker(t, conn).Take(ctx, 4) }) // it takes nothing
		sent := func(within time.Duration) (more uint64) {
			before := conn.Stats().OutMsgs
			time.Sleep(within)
			return conn.Stats().OutMsgs - before
		}
		waitFor(t, 20*time.Second, what+": it waits", func() bool { return sent(500*time.Millisecond) == 0 && conn.Stats().OutMsgs > 0 })
		if more := sent(2 * time.Second); more > 0 {
			t.Errorf("%s: sent %d messages more in two seconds, want none", what, more)
		}
	}
	silent("no job")
	open(t, connectEmbedded(t, srv), "job", queue.Config{})
	silent("a job without tasks")
}

func waitFor(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestProgress(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		job := newJob()
		conn := connect(t)
		q := open(t, connect(t), job, queue.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		reports, err := q.Watch(ctx)
		check(t, err)
		taker := newTaker(t, conn)
		want := queue.Progress{Worker: "w", Stage: "map", Task: 7, Attempt: 2, Rows: 1 << 40, Bytes: 3, Done: true}
		check(t, conn.Publish("dice.default."+job+".progress", []byte("no progress")))
		taker.Report("a.b", want)
		taker.Report(job, want)
		taker.Report("other", want)
		want.Job = job
		if got := <-reports; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		cancel()
		for range reports {
			t.Error("a report after the end")
		}
		if _, err := queue.Watch(t.Context(), conn, "a.b"); err == nil {
			t.Error("Watch of a bad name: got no error")
		}
	})
}

func TestStartFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	srv := startEmbedded(t, file, "127.0.0.1:0")
	if srv.URL() == "" {
		t.Error("no URL")
	}
	for _, cfg := range []queue.ServerConfig{{}, {StoreDir: file, Listen: "nonsense"}, {StoreDir: file, Listen: "h:99999"},
		{StoreDir: "/dev/null/x"}} {
		if srv, err := queue.Start(cfg); err == nil {
			srv.Shutdown()
			t.Errorf("Start(%+v): got no error", cfg)
		} else {
			t.Log(err)
		}
	}
}

func TestToken(t *testing.T) {
	srv, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "secret"})
	check(t, err)
	t.Cleanup(srv.Shutdown)
	open(t, connectEmbedded(t, srv), "job", queue.Config{})
	host := srv.URL()[len("nats://"):]
	connectURL(t, "nats://secret@"+host)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := queue.Dial(ctx, "nats://wrong@"+host, queue.ConnConfig{}); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("Dial with a wrong token: got %v, want ErrAuthorization", err)
	}
	if _, err := queue.Dial(ctx, fmt.Sprintf("nats://%s:x", host), queue.ConnConfig{}); err == nil {
		t.Error("Dial of nonsense: got no error")
	}
}

// TestOldLeaseMeansNoNewTask: what is said of a task of a queue that was lost says nothing of the tasks of its successor.
func TestOldLeaseMeansNoNewTask(t *testing.T) {
	servers(t, func(t *testing.T, connect func(*testing.T) *queue.Conn) {
		conn, job := connect(t), newJob()
		q := open(t, conn, job, queue.Config{Lease: time.Minute})
		check(t, q.Publish(t.Context(), tasks(job, 2)))
		old := take(t, newTaker(t, conn), 2, 20*time.Second)
		if len(old) != 2 {
			t.Fatalf("took %d tasks, want 2", len(old))
		}
		check(t, q.Delete(t.Context()))
		wantPending(t, q, queue.Pending{}) // it is made anew
		again := tasks(job, 2)
		for i := range again {
			again[i].Generation = 1
		}
		check(t, q.Publish(t.Context(), again))
		takeOne(t, newTaker(t, conn))
		for _, l := range old {
			_ = l.Done(t.Context()) // whether that is an error does not matter
		}
		wantPending(t, q, queue.Pending{Waiting: 1, Taken: 1})
		reopened := open(t, conn, job, queue.Config{Lease: time.Minute}) // which loses nothing
		wantPending(t, reopened, queue.Pending{Waiting: 1, Taken: 1})
	})
}
