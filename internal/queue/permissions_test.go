package queue_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/servertest"
)

const readyMade = "../../deploy/nats/dice.conf"

// TestReadyMadePermissions holds the configuration that users take to what the code needs.
func TestReadyMadePermissions(t *testing.T) {
	t.Setenv("DICE_COORDINATOR_PASSWORD", "c")
	t.Setenv("DICE_WORKER_PASSWORD", "w")
	opts, err := natsserver.ProcessConfigFile(readyMade)
	check(t, err)
	want := map[string]queue.Permissions{
		"coordinator": queue.CoordinatorPermissions(queue.DefaultPool), "worker": queue.WorkerPermissions(queue.DefaultPool),
	}
	got := map[string]queue.Permissions{}
	for _, user := range opts.Users {
		got[user.Username] = queue.Permissions{Publish: user.Permissions.Publish.Allow, Subscribe: user.Permissions.Subscribe.Allow}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: want - got +\n%s", readyMade, diff)
	}
}

// fences are the ways to run NATS with workers kept to their rights: each gives a coordinator's and a worker's connection.
func fences(t *testing.T, test func(t *testing.T, coordinator, worker *queue.Conn, rogue func() *nats.Conn)) {
	t.Run("embedded", func(t *testing.T) {
		srv, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir(), Listen: "127.0.0.1:0", Token: "secret"})
		check(t, err)
		t.Cleanup(srv.Shutdown)
		url := "nats://secret@" + strings.TrimPrefix(srv.URL(), "nats://")
		test(t, connectEmbedded(t, srv), connectURL(t, url), func() *nats.Conn { return connectRogue(t, url) })
	})
	t.Run("ready-made", func(t *testing.T) {
		srv := servertest.StartNATSWith(t, readyMade, "DICE_COORDINATOR_PASSWORD=c1", "DICE_WORKER_PASSWORD=w1")
		worker := "nats://worker:w1@" + srv.Addr
		test(t, connectURL(t, "nats://coordinator:c1@"+srv.Addr), connectURL(t, worker), func() *nats.Conn { return connectRogue(t, worker) })
	})
}

// connectRogue connects with a worker's credentials and none of its manners.
func connectRogue(t *testing.T, url string) *nats.Conn {
	t.Helper()
	conn, err := nats.Connect(url, nats.CustomInboxPrefix("_INBOX_dice_default"), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	check(t, err)
	t.Cleanup(conn.Close)
	return conn
}

// TestWorkersAreKeptToTheirRights: with them a job can be worked on, and nothing else be done.
func TestWorkersAreKeptToTheirRights(t *testing.T) {
	fences(t, func(t *testing.T, coordinator, worker *queue.Conn, rogue func() *nats.Conn) {
		q := open(t, coordinator, "job", queue.Config{Lease: 5 * time.Second})
		reports, err := q.Watch(t.Context())
		check(t, err)
		check(t, q.Answer(t.Context(), func() queue.Status { return queue.Status{Job: "job", Retries: 7} }))
		check(t, q.Publish(t.Context(), tasks("job", 4)))
		taker := newTaker(t, worker)
		lease := takeOne(t, taker)
		check(t, lease.Extend())
		check(t, lease.Retry(0))
		lease = takeOne(t, taker)
		taker.Report("job", queue.Progress{Worker: "w", Stage: "map"})
		if got := <-reports; got.Worker != "w" {
			t.Errorf("report: got %+v", got)
		}
		check(t, lease.Done(t.Context()))
		all, err := queue.Statuses(t.Context(), worker)
		if err != nil || len(all) != 1 || all[0].Retries != 7 {
			t.Errorf("statuses: got %+v, %v", all, err)
		}
		trespass(t, rogue())
		if p, err := q.Pending(t.Context()); p.All() != 3 || err != nil {
			t.Errorf("pending: got %+v, %v, want the three tasks that are not done", p, err)
		}
		check(t, q.Purge(t.Context(), "map"))
		wantPending(t, q, queue.Pending{})
	})
}

// trespass tries what a worker must not do.
func trespass(t *testing.T, conn *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(300*time.Millisecond))
	check(t, err)
	ctx := t.Context()
	for what, do := range map[string]func() error{
		"hand out a task":   func() error { _, err := js.Publish(ctx, "dice.default.job.task.map", []byte("{}")); return err },
		"delete a queue":    func() error { return js.DeleteStream(ctx, "DICE-default-job") },
		"look into a queue": func() error { _, err := js.Stream(ctx, "DICE-default-job"); return err },
		"make a queue": func() error {
			_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "X", Subjects: []string{"x"}})
			return err
		},
		"make a consumer": func() error {
			_, err := js.CreateConsumer(ctx, "DICE-default-job", jetstream.ConsumerConfig{Durable: "own"})
			return err
		},
		"take another pool's": func() error { _, err := js.Consumer(ctx, "DICE-default-job", "workers-other"); return err },
	} {
		if err := do(); err == nil {
			t.Errorf("a worker could %s", what)
		}
	}
	for _, subject := range []string{">", "dice.>", "dice.default.*.task.>", "dice.default.*.progress", "_INBOX.>", "_INBOX_dice_other.>", "$JS.>"} {
		if !refuses(t, conn, func() error { _, err := conn.SubscribeSync(subject); return err }) {
			t.Errorf("a worker could listen to %s", subject)
		}
	}
	for _, subject := range []string{"dice.default.announce", "dice.other.job.progress", "$JS.API.STREAM.PURGE.DICE-default-job"} {
		if !refuses(t, conn, func() error { return conn.Publish(subject, nil) }) {
			t.Errorf("a worker could publish to %s", subject)
		}
	}
}

// refuses says whether the server answers an action with a violation of permissions.
func refuses(t *testing.T, conn *nats.Conn, do func() error) bool {
	t.Helper()
	violated := make(chan error, 1)
	conn.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		select {
		case violated <- err:
		default:
		}
	})
	check(t, do())
	check(t, conn.Flush())
	select {
	case err := <-violated:
		return errors.Is(err, nats.ErrPermissionViolation)
	case <-time.After(2 * time.Second):
		return false
	}
}

// TestPoolsDoNotMix: a job is worked on by its own pool.
func TestPoolsDoNotMix(t *testing.T) {
	srv := servertest.StartNATS(t)
	connect := func(pool string) *queue.Conn {
		conn, err := queue.Dial(t.Context(), "nats://"+srv.Addr, queue.ConnConfig{Pool: pool})
		check(t, err)
		t.Cleanup(conn.Close)
		return conn
	}
	for _, pool := range []string{"blue", "red"} {
		check(t, open(t, connect(pool), "job-"+pool, queue.Config{}).Publish(t.Context(), tasks("job-"+pool, 1)))
	}
	for _, pool := range []string{"red", "blue"} {
		taker := newTaker(t, connect(pool))
		if l := takeOne(t, taker); l.Task.Job != "job-"+pool {
			t.Errorf("pool %s took %s", pool, l.Task)
		}
		wantNone(t, taker, 300*time.Millisecond)
		all, err := queue.Statuses(t.Context(), connect(pool))
		if err != nil || len(all) != 1 || all[0].Job != "job-"+pool || !all[0].Silent {
			t.Errorf("statuses of %s: got %+v, %v", pool, all, err)
		}
	}
	if _, err := queue.Dial(t.Context(), "nats://"+srv.Addr, queue.ConnConfig{Pool: "a.b"}); err == nil {
		t.Error("a pool with a dot: got no error")
	}
}

// TestOtherVersionsAreRefused by their workers, who say so, while others go on.
func TestOtherVersionsAreRefused(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	q := open(t, conn, "job", queue.Config{Version: 2})
	reports, err := q.Watch(t.Context())
	check(t, err)
	check(t, q.Publish(t.Context(), tasks("job", 2)))
	old := queue.NewTaker(conn, queue.TakerConfig{Version: 1, Worker: "old"})
	t.Cleanup(old.Close)
	wantNone(t, old, time.Second)
	select {
	case got := <-reports:
		if got.Worker != "old" || !strings.Contains(got.Refused, "result version 2") {
			t.Errorf("report: got %+v", got)
		}
	case <-time.After(20 * time.Second):
		t.Error("no report")
	}
	fresh := queue.NewTaker(conn, queue.TakerConfig{Version: 2})
	t.Cleanup(fresh.Close)
	takeOne(t, fresh)
	wantPending(t, q, queue.Pending{Waiting: 1, Taken: 1})
}

// TestAnswersGoToInboxesOnly: a worker cannot have the coordinator publish where it may not itself, and what it gets the
// server to send there is dropped.
func TestAnswersGoToInboxesOnly(t *testing.T) {
	fences(t, func(t *testing.T, coordinator, worker *queue.Conn, rogue func() *nats.Conn) {
		q := open(t, coordinator, "job", queue.Config{})
		check(t, q.Answer(t.Context(), func() queue.Status { return queue.Status{Job: "job"} }))
		check(t, coordinator.Flush())
		conn := rogue()
		for _, subject := range []string{"dice.default.job.status", "$JS.API.STREAM.LIST"} {
			check(t, conn.PublishRequest(subject, "dice.default.job.task.map", nil))
		}
		check(t, conn.Flush())
		wantNone(t, newTaker(t, worker), time.Second)
		wantPending(t, q, queue.Pending{})
	})
}

// TestPolicyOfAnEarlierRunIsNoHindrance: another lease, another number of workers, another pool.
func TestPolicyOfAnEarlierRunIsNoHindrance(t *testing.T) {
	srv := servertest.StartNATS(t)
	url := "nats://" + srv.Addr
	first := open(t, connectURL(t, url), "job", queue.Config{MaxWorkers: 4096, Lease: time.Minute})
	check(t, first.Publish(t.Context(), tasks("job", 2)))
	second := open(t, connectURL(t, url), "job", queue.Config{MaxWorkers: 10, Lease: 2 * time.Second})
	wantPending(t, second, queue.Pending{Waiting: 2})
	conn, err := queue.Dial(t.Context(), url, queue.ConnConfig{Pool: "other"})
	check(t, err)
	t.Cleanup(conn.Close)
	other := open(t, conn, "job", queue.Config{})
	check(t, other.Publish(t.Context(), tasks("job", 1)))
	check(t, first.Publish(t.Context(), tasks("job", 3)))
	wantPending(t, second, queue.Pending{Waiting: 3})
	wantPending(t, other, queue.Pending{Waiting: 1})
	taker := newTaker(t, connectURL(t, url))
	takeOne(t, taker)
	again := takeOne(t, newTaker(t, connectURL(t, url)))
	if again.Length != 2*time.Second {
		t.Errorf("lease of %v, want the second coordinator's", again.Length)
	}
	jobs, err := queue.Jobs(t.Context(), conn)
	if err != nil || len(jobs) != 1 || jobs[0].Name != "job" {
		t.Errorf("jobs of the other pool: got %+v, %v", jobs, err)
	}
}

// TestStatusOfVeryManyWorkers fits into a message.
func TestStatusOfVeryManyWorkers(t *testing.T) {
	conn := connectEmbedded(t, startEmbedded(t, t.TempDir(), ""))
	q := open(t, conn, "job", queue.Config{})
	var s queue.Status
	for i := range 5000 {
		s.Workers = append(s.Workers, queue.WorkerStatus{
			Name: strings.Repeat("w", 60), Heard: float64(i), Trouble: strings.Repeat("trouble ", 40), RowsPerSecond: 123456.789012,
		})
	}
	check(t, q.Answer(t.Context(), func() queue.Status { return s }))
	all, err := queue.Statuses(t.Context(), conn)
	check(t, err)
	if len(all) != 1 || all[0].Silent || len(all[0].Workers)+all[0].Untold != 5000 || len(all[0].Workers) < 1000 {
		t.Errorf("silent %v, %d workers and %d untold", all[0].Silent, len(all[0].Workers), all[0].Untold)
	}
}
