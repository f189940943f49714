// Package jobtest runs whole jobs in tests: an embedded queue, a coordinator and as many workers as wanted, over real
// stores, each worker with doors of its own that a test can shut.
package jobtest

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
	"github.com/dice-engine/dice/worker"
)

// Options say how a job runs. Zero values are sensible.
type Options struct {
	Command  shard.Command
	Output   string // a place; default: a new folder
	Keep     bool   // keep work files
	Workers  int    // worker processes, so to speak; default 1
	Slots    int    // of each; default 1
	Memory   int64  // of each
	Lease    time.Duration
	Trouble  int           // attempts of a task that may fail for the store's sake; default 8
	SkipBad  bool          // publish without objects that cannot be processed
	Version  int           // of the results that workers make; default: the job's
	Poll     time.Duration // of the coordinator; default 200 ms
	Patience time.Duration // for which no task is a straggler; default a second
	Server   *queue.Server // default: one of its own
	URL      string        // of a separate server, instead
	Conns    []*queue.Conn // of the workers, filled in; a test may cut one

	// Door wraps the buckets of worker i (from 0), or of the coordinator (-1).
	Door func(i int, b store.Bucket) store.Bucket
	// Queue wraps the coordinator's queue.
	Queue func(coordinator.Queue) coordinator.Queue
}

// Job is a finished job.
type Job struct {
	Result *coordinator.Result
	Out    store.Bucket
}

// Command classifies files with all signatures and default options.
func Command(files ...string) shard.Command {
	return shard.Command{Files: files, Options: shard.Options{
		Source: "zgrab2", Signatures: []string{"bacnet", "coap", "dnp3", "modbus", "mqtt", "opcua", "rtps", "xmpp"},
		Mode: shard.Labelled, Dedupe: []string{"ip", "status"}, ReuseHosts: 2, ShardBytes: 1 << 20, PartitionRows: 100_000,
		Limits: shard.DefaultLimits, ResultVersion: shard.ResultVersion,
	}}
}

// Run does a job and fails the test when it fails.
func Run(t testing.TB, o Options) *Job {
	t.Helper()
	job, err := Try(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// Try does a job.
func Try(t testing.TB, o Options) (*Job, error) {
	t.Helper()
	return TryContext(t.Context(), t, o)
}

// tooLong is when a job of a test hangs.
const tooLong = 10 * time.Minute

var errHangs = fmt.Errorf("job hangs: it is not done after %s", tooLong)

// TryContext does a job until ctx ends, or all of its workers have failed.
func TryContext(ctx context.Context, t testing.TB, o Options) (*Job, error) {
	t.Helper()
	o = withDefaults(t, o)
	ctx, cancel := context.WithTimeoutCause(ctx, tooLong, errHangs)
	defer cancel()
	ctx, alone := context.WithCancelCause(ctx)
	defer alone(nil)
	stop := startWorkers(ctx, t, o, alone)
	defer stop()
	out, err := Open(ctx, o.Output)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Lead(ctx, t, o)
	return &Job{Result: result, Out: out}, err
}

func withDefaults(t testing.TB, o Options) Options {
	t.Helper()
	if o.Output == "" {
		o.Output = t.TempDir()
	}
	o.Workers = max(o.Workers, 1)
	o.Slots = max(o.Slots, 1)
	if o.Trouble == 0 {
		o.Trouble = 8
	}
	if o.Poll == 0 {
		o.Poll = 200 * time.Millisecond
	}
	if o.Patience == 0 {
		o.Patience = time.Second
	}
	if o.Memory == 0 {
		o.Memory = 256 << 20
	}
	if o.Door == nil {
		o.Door = func(_ int, b store.Bucket) store.Bucket { return b }
	}
	if o.Queue == nil {
		o.Queue = func(q coordinator.Queue) coordinator.Queue { return q }
	}
	if o.Server == nil && o.URL == "" {
		o.Server = Server(t)
	}
	for len(o.Conns) < o.Workers {
		o.Conns = append(o.Conns, o.connect(t))
	}
	return o
}

func (o Options) connect(t testing.TB) *queue.Conn {
	t.Helper()
	if o.URL == "" {
		return Connect(t, o.Server)
	}
	conn, err := queue.Dial(t.Context(), o.URL, queue.ConnConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// Server starts an embedded queue server for a test.
func Server(t testing.TB) *queue.Server {
	t.Helper()
	server, err := queue.Start(queue.ServerConfig{StoreDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Shutdown)
	return server
}

// Connect connects to a server for the rest of a test.
func Connect(t testing.TB, server *queue.Server) *queue.Conn {
	t.Helper()
	conn, err := server.Connect(queue.ConnConfig{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// Open opens a place as workers do.
func Open(ctx context.Context, place string) (store.Bucket, error) {
	location, err := store.Parse(place)
	if err != nil {
		return nil, err
	}
	return store.Dial(ctx, location, store.Config{})
}

func (o Options) open(i int) func(context.Context, string) (store.Bucket, error) {
	return func(ctx context.Context, place string) (store.Bucket, error) {
		b, err := Open(ctx, place)
		if err != nil {
			return nil, err
		}
		return o.Door(i, b), nil
	}
}

// startWorkers starts the workers and returns what stops and waits for them. It calls alone with an error when the last
// of them has ended by itself.
func startWorkers(ctx context.Context, t testing.TB, o Options, alone func(error)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	var left atomic.Int32
	left.Store(int32(o.Workers))
	for i := range o.Workers {
		cfg := worker.Config{Name: fmt.Sprintf("%s %d", t.Name(), i), Slots: o.Slots, Memory: o.Memory, Scratch: t.TempDir(), MaxFailures: 2}
		taker := queue.NewTaker(o.Conns[i], queue.TakerConfig{Version: o.Version, Worker: fmt.Sprint(i)})
		w, err := worker.New(cfg, taker, worker.NewPlaces(o.open(i)), logger(t))
		if err != nil {
			t.Fatal(err)
		}
		working.Go(func() {
			defer taker.Close()
			err := w.Run(ctx)
			if left.Add(-1) == 0 && err != nil {
				alone(err)
			}
		})
	}
	return func() {
		cancel()
		working.Wait()
	}
}

// Lead runs a coordinator without workers of its own.
func Lead(ctx context.Context, t testing.TB, o Options) (*coordinator.Result, error) {
	t.Helper()
	o = withDefaults(t, o)
	ctx, cancel := context.WithTimeoutCause(ctx, tooLong, errHangs)
	defer cancel()
	out, err := o.open(-1)(ctx, o.Output)
	if err != nil {
		t.Fatal(err)
	}
	conn := o.connect(t)
	cfg := coordinator.Config{
		Command: o.Command, Output: o.Output, Keep: o.Keep, SkipBad: o.SkipBad, MaxTrouble: o.Trouble,
		Patience: o.Patience, Poll: o.Poll,
	}
	var silent *telemetry.Progress
	return coordinator.New(cfg, coordinator.Deps{
		Out: out, Open: o.open(-1), Progress: silent, Log: logger(t), Now: time.Now,
		Queue: func(ctx context.Context, job string) (coordinator.Queue, error) {
			q, err := queue.Open(ctx, conn, job, queue.Config{Lease: o.Lease, Version: shard.ResultVersion, Output: o.Output})
			return o.Queue(q), err
		},
	}).Run(ctx)
}

// logger shows warnings of a job among the test's output.
func logger(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}
