package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
	"github.com/dice-engine/dice/worker"
)

// runFlags say how a job runs; nothing of it changes the result.
func runFlags() []cli.Flag {
	return slices.Concat(workerFlags(), []cli.Flag{
		&cli.StringFlag{Name: "listen", EnvVars: []string{"DICE_LISTEN"},
			Usage: "address on which the embedded queue accepts dice worker processes, like 0.0.0.0:4222"},
		&cli.StringFlag{Name: "token", EnvVars: []string{"DICE_TOKEN"},
			Usage: "what workers must present to --listen, as nats://TOKEN@host:port"},
		&cli.BoolFlag{Name: "insecure", EnvVars: []string{"DICE_INSECURE"},
			Usage: "listen to other machines without --token"},
		&cli.StringFlag{Name: "nats", EnvVars: []string{"DICE_NATS"},
			Usage: "use the NATS server at this URL instead of the embedded one"},
		&cli.DurationFlag{Name: "lease", Value: 30 * time.Second, EnvVars: []string{"DICE_LEASE"},
			Usage: "how long a task stays with a worker that gives no sign of life"},
		&cli.BoolFlag{Name: "keep-work", EnvVars: []string{"DICE_KEEP_WORK"},
			Usage: "leave the work files in OUT/_dice"},
		jsonFlag(),
	})
}

// workerFlags say what a process may take for its tasks.
func workerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "workers", Value: runtime.GOMAXPROCS(0), EnvVars: []string{"DICE_WORKERS"},
			Usage: "tasks that this process does at a time"},
		&cli.StringFlag{Name: "memory", Value: "512MiB", EnvVars: []string{"DICE_MEMORY"},
			Usage: "memory that this process may take for its tasks"},
		&cli.StringFlag{Name: "scratch", EnvVars: []string{"DICE_SCRATCH"},
			Usage: "folder for what does not fit into memory (default: the system's temporary folder)"},
	}
}

// workerConfig makes the configuration of this process's worker of its flags.
func workerConfig(c *cli.Context) (worker.Config, error) {
	memory, err := parseSize(c.String("memory"))
	if err != nil {
		return worker.Config{}, fmt.Errorf("%w: --memory: %w", errUsage, err)
	}
	debug.SetMemoryLimit(memory / 10 * 8) // the rest is for what the runtime does not count
	return worker.Config{
		Name: hostname(), Slots: c.Int("workers"), Memory: memory, Scratch: c.String("scratch"), MaxFailures: maxFailures,
	}, nil
}

// Policy of a single machine's job.
const (
	maxTrouble  = 8
	maxFailures = 3
	pollEvery   = 5 * time.Second
)

// classify runs the job: coordinator, queue and workers in this process.
func classify(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	command, err := commandOf(c)
	if err != nil {
		return err
	}
	cfg, err := workerConfig(c)
	if err != nil {
		return err
	}
	if err := checkListen(c); err != nil {
		return err
	}
	progress, log, err := newConsole(c)
	if err != nil {
		return err
	}
	defer progress.Close()
	j := &localJob{
		cli: c, log: log, progress: progress, output: c.String("output"), command: command, worker: cfg,
	}
	if cfg.Slots != 0 {
		if err := cfg.Validate(); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	result, err := j.run(c.Context)
	progress.Close()
	if err != nil {
		return err
	}
	return report(c, log, j.out, result)
}

// checkListen refuses to let strangers hand out work, unless the user insists.
func checkListen(c *cli.Context) error {
	host, _, err := net.SplitHostPort(c.String("listen"))
	switch {
	case c.String("listen") == "":
		return nil
	case err != nil:
		return fmt.Errorf("%w: --listen: %w", errUsage, err)
	case c.String("nats") != "":
		return fmt.Errorf("%w: --listen is for the embedded queue, and --nats names another one", errUsage)
	}
	addr, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && addr.IsLoopback()
	if !local && c.String("token") == "" && !c.Bool("insecure") {
		return fmt.Errorf("%w: --listen %s lets every machine in reach take part: set --token, or insist with --insecure",
			errUsage, c.String("listen"))
	}
	return nil
}

// localJob is a job that is led from this process, which also works on it.
type localJob struct {
	cli      *cli.Context
	log      *slog.Logger
	progress *telemetry.Progress
	command  shard.Command
	output   string
	worker   worker.Config
	out      store.Bucket
}

func (j *localJob) open(ctx context.Context, place string) (store.Bucket, error) {
	return dial(ctx, j.cli, place, j.log)
}

// run starts the server, the workers and the coordinator, and stops them in the other order.
func (j *localJob) run(ctx context.Context) (result *coordinator.Result, err error) {
	if j.out, err = j.open(ctx, j.output); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(j.worker.Scratch, "dice-")
	if err != nil {
		return nil, fmt.Errorf("make scratch folder: %w (see --scratch)", err)
	}
	defer os.RemoveAll(dir)
	j.worker.Scratch = dir
	conn, stop, err := j.connect(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer stop()
	return j.lead(ctx, conn)
}

// connect connects to the queue: a server of this process, unless another one is named.
func (j *localJob) connect(ctx context.Context, dir string) (conn *nats.Conn, stop func(), err error) {
	cfg := queue.ConnConfig{Name: "dice " + j.worker.Name, Logger: j.log}
	if url := j.cli.String("nats"); url != "" {
		conn, err = queue.Dial(ctx, url, cfg)
		if err != nil {
			return nil, nil, err
		}
		return conn, conn.Close, nil
	}
	server, err := queue.Start(queue.ServerConfig{
		StoreDir: dir, Listen: j.cli.String("listen"), Token: j.cli.String("token"), Logger: j.log,
	})
	if err != nil {
		return nil, nil, err
	}
	conn, err = server.Connect(cfg)
	if err != nil {
		server.Shutdown()
		return nil, nil, err
	}
	return conn, func() { conn.Close(); server.Shutdown() }, nil
}

// lead runs workers until the coordinator is done.
func (j *localJob) lead(ctx context.Context, conn *nats.Conn) (result *coordinator.Result, err error) {
	group, ctx := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(ctx)
	if j.worker.Slots > 0 {
		group.Go(func() error { return runWorker(working, conn, j.worker, j.open, j.log) })
	}
	group.Go(func() error {
		defer stop()
		result, err = j.coordinator(conn).Run(ctx)
		return err
	})
	err = group.Wait()
	if cause := context.Cause(ctx); err != nil && errors.Is(err, context.Canceled) {
		err = cause
	}
	return result, err
}

// runWorker does tasks until ctx ends.
func runWorker(ctx context.Context, conn *nats.Conn, cfg worker.Config,
	open func(context.Context, string) (store.Bucket, error), log *slog.Logger) error {
	taker := queue.NewTaker(conn, queue.TakerConfig{Logger: log})
	defer taker.Close()
	w, err := worker.New(cfg, taker, worker.NewPlaces(open), log)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

func (j *localJob) coordinator(conn *nats.Conn) *coordinator.Coordinator {
	cfg := coordinator.Config{
		Command: j.command, Output: reachable(j.output), Keep: j.cli.Bool("keep-work"), MaxTrouble: maxTrouble, Poll: pollEvery,
	}
	return coordinator.New(cfg, coordinator.Deps{
		Out: j.out, Open: j.open, Progress: j.progress, Log: j.log, Now: time.Now,
		Queue: func(ctx context.Context, job string) (coordinator.Queue, error) {
			return queue.Open(ctx, conn, job, queue.Config{Lease: j.cli.Duration("lease"), Logger: j.log})
		},
	})
}

// reachable is the output as workers in other folders find it.
func reachable(output string) string {
	location, err := store.Parse(output)
	if err != nil || location.Scheme != store.SchemeFile {
		return output
	}
	if abs, err := filepath.Abs(location.Path); err == nil {
		return abs
	}
	return output
}

// report prints the summary of a finished job, and says whether rows were rejected.
func report(c *cli.Context, log *slog.Logger, out store.Bucket, result *coordinator.Result) error {
	if result.Earlier {
		log.Info("the result is there already", "output", out.URL())
	}
	if err := showSummary(c, out); err != nil {
		return err
	}
	if n := result.Manifest.Rejects; n > 0 {
		return fmt.Errorf("%w: %d entries in %s/%s say which and why", errRejects, n, out.URL(), shard.RejectsTable)
	}
	return nil
}

// hostname names this process for people.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return fmt.Sprintf("%s-%d", name, os.Getpid())
}
