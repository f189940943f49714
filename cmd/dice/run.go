package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/scratch"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
	"github.com/dice-engine/dice/shard"
	"github.com/dice-engine/dice/worker"
)

// runFlags say how a job runs; nothing of it changes the result.
func runFlags() []cli.Flag {
	return slices.Concat(workerFlags(), listenFlags(), natsFlags(), []cli.Flag{
		&cli.DurationFlag{Name: "lease", Value: 30 * time.Second, EnvVars: []string{"DICE_LEASE"},
			Usage: "how long a task stays with a worker that gives no sign of life"},
		&cli.IntFlag{Name: "max-workers", Value: 4096, EnvVars: []string{"DICE_MAX_WORKERS"},
			Usage: "worker processes that may wait for a task at a time"},
		&cli.IntFlag{Name: "nats-replicas", Value: 1, EnvVars: []string{"DICE_NATS_REPLICAS"},
			Usage: "servers of a NATS cluster that hold the queue"},
		&cli.BoolFlag{Name: "skip-bad-objects", EnvVars: []string{"DICE_SKIP_BAD_OBJECTS"},
			Usage: "publish without objects that cannot be processed; they are listed, and the exit code is 3"},
		&cli.BoolFlag{Name: "tolerate-rejects", EnvVars: []string{"DICE_TOLERATE_REJECTS"},
			Usage: "exit with 0 instead of 3, for platforms that know only done and failed, and would begin again"},
		&cli.BoolFlag{Name: "keep-work", EnvVars: []string{"DICE_KEEP_WORK"},
			Usage: "leave the work files in OUT/_dice"},
		jsonFlag(),
	})
}

// workerFlags say what a process may take for its tasks.
func workerFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "workers", Value: runtime.GOMAXPROCS(0), EnvVars: []string{"DICE_WORKERS"},
			Usage: "tasks that this process does at a time; fewer where that would leave less than 96 MiB of --memory to each"},
		&cli.StringFlag{Name: "memory", Value: "512MiB", EnvVars: []string{"DICE_MEMORY"},
			Usage: "memory that this process may take for its tasks, 64MiB at least"},
		&cli.StringFlag{Name: "scratch", EnvVars: []string{"DICE_SCRATCH"},
			Usage: "folder for what does not fit into memory (default: the system's temporary folder)"},
	}
}

// workerConfig makes the configuration of this process's worker of its flags. It does so many tasks at a time at least.
func workerConfig(c *cli.Context, least int) (worker.Config, error) {
	memory, err := sizeFlag(c, "memory")
	if err != nil {
		return worker.Config{}, fmt.Errorf("%w: %w", errUsage, err)
	}
	cfg := worker.Config{
		Name: hostname(), Slots: c.Int("workers"), Memory: memory, Scratch: c.String("scratch"), MaxFailures: maxFailures,
	}
	if cfg.Slots < least {
		return cfg, fmt.Errorf("%w: --workers %d: want at least %d", errUsage, cfg.Slots, least)
	}
	busy := cfg
	busy.Slots = max(cfg.Slots, 1) // a process without tasks of its own has memory all the same
	if err := busy.Validate(); err != nil {
		return cfg, fmt.Errorf("%w: --memory %s: %w", errUsage, c.String("memory"), err) // the rest was looked at
	}
	debug.SetMemoryLimit(memory / 10 * 8) // the rest is for what the runtime does not count
	return cfg, nil
}

// Policy of jobs.
const (
	maxTrouble  = 8
	maxFailures = 3
	patience    = 10 * time.Second
	pollEvery   = 5 * time.Second
	minLease    = time.Second
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
	cfg, err := workerConfig(c, 0)
	if err != nil {
		return err
	}
	if err := checkRun(c); err != nil {
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
	if cfg.Slots == 0 {
		economize()
	}
	result, err := j.run(c.Context)
	progress.Close()
	if err != nil {
		return err
	}
	return report(c, log, j.out, result)
}

// economize has garbage collected twice as often, unless GOGC is set: a coordinator without tasks of its own has time, and
// is to stay small however many shards there are.
func economize() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// checkRun reports what is wrong with the flags of a run.
func checkRun(c *cli.Context) error {
	switch {
	case c.Duration("lease") < minLease:
		return fmt.Errorf("%w: --lease %s: want at least %s", errUsage, c.Duration("lease"), minLease)
	case c.Int("max-workers") < 1:
		return fmt.Errorf("%w: --max-workers %d: want at least 1", errUsage, c.Int("max-workers"))
	case c.Int("nats-replicas") < 1:
		return fmt.Errorf("%w: --nats-replicas %d: want at least 1", errUsage, c.Int("nats-replicas"))
	}
	if _, err := connConfig(c, "", nil); err != nil {
		return err
	}
	return checkListen(c)
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
	if j.out, err = dialOutput(ctx, j.cli, j.output, j.log); err != nil {
		return nil, err
	}
	result, err = coordinator.Finished(ctx, j.out, j.command, j.cli.Bool("keep-work"))
	if result != nil || err != nil {
		return result, err
	}
	folder, err := scratch.Make(j.worker.Scratch)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	j.worker.Scratch = folder.Path
	conn, stop, err := j.connect(ctx, folder.Path)
	if err != nil {
		return nil, err
	}
	defer stop()
	return j.lead(ctx, conn)
}

// connect connects to the queue: a server of this process, unless another one is named.
func (j *localJob) connect(ctx context.Context, dir string) (conn *queue.Conn, stop func(), err error) {
	cfg, err := connConfig(j.cli, "dice "+j.worker.Name, j.log)
	if err != nil {
		return nil, nil, err
	}
	if url := j.cli.String("nats"); url != "" {
		conn, err = queue.Dial(ctx, url, cfg)
		if err != nil {
			return nil, nil, err
		}
		return conn, conn.Close, nil
	}
	server, err := queue.Start(queue.ServerConfig{
		StoreDir: dir, Pool: cfg.Pool, Listen: j.cli.String("listen"), Token: j.cli.String("token"), Logger: j.log,
		Cert: j.cli.String("listen-cert"), Key: j.cli.String("listen-key"), ClientCA: j.cli.String("listen-ca"),
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
func (j *localJob) lead(ctx context.Context, conn *queue.Conn) (result *coordinator.Result, err error) {
	group, ctx := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(ctx)
	if j.worker.Slots > 0 {
		group.Go(func() error {
			err := runWorker(working, conn, j.worker, j.open, j.log)
			if err != nil && j.cli.String("listen")+j.cli.String("nats") != "" {
				j.log.Error("this process does no more tasks, and leaves them to others", telemetry.KeyError, err)
				return nil
			}
			return err
		})
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
func runWorker(ctx context.Context, conn *queue.Conn, cfg worker.Config,
	open func(context.Context, string) (store.Bucket, error), log *slog.Logger) error {
	taker := queue.NewTaker(conn, queue.TakerConfig{Logger: log, Version: shard.ResultVersion, Worker: cfg.Name})
	defer taker.Close()
	w, err := worker.New(cfg, taker, worker.NewPlaces(open), log)
	if err != nil {
		return err
	}
	return w.Run(ctx)
}

func (j *localJob) coordinator(conn *queue.Conn) *coordinator.Coordinator {
	cfg := coordinator.Config{
		Command: j.command, Output: reachable(j.output), Name: j.worker.Name, Keep: j.cli.Bool("keep-work"),
		SkipBad: j.cli.Bool("skip-bad-objects"), MaxTrouble: maxTrouble, Patience: patience, Poll: pollEvery,
	}
	return coordinator.New(cfg, coordinator.Deps{
		Out: j.out, Open: j.open, Progress: j.progress, Log: j.log, Now: time.Now,
		Queue: func(ctx context.Context, job string) (coordinator.Queue, error) {
			return queue.Open(ctx, conn, job, queue.Config{
				MaxWorkers: j.cli.Int("max-workers"), Lease: j.cli.Duration("lease"), Replicas: j.cli.Int("nats-replicas"),
				Version: shard.ResultVersion, Output: reachable(j.output), Logger: j.log,
			})
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
		log.Info("the result is there already, inputs were not looked at again", telemetry.KeyOutput, out.URL())
	}
	if result.Elsewhere {
		log.Warn("the same command made this result in another folder, where its patterns may have meant other inputs: name another output for those of this folder",
			telemetry.KeyOutput, out.URL())
	}
	if err := showSummary(c, out); err != nil {
		return err
	}
	var faults []error
	if n := len(result.Manifest.Skipped); n > 0 {
		faults = append(faults, fmt.Errorf("%w: %d that could not be processed are listed as skipped in %s/%s",
			errSkipped, n, out.URL(), shard.ManifestKey))
	}
	if n := result.Manifest.Rejects; n > 0 {
		faults = append(faults, fmt.Errorf("%w: %s/%s says which and why, in %d rows", errRejects, out.URL(), shard.RejectsTable, n))
	}
	if c.Bool("tolerate-rejects") {
		for _, fault := range faults {
			log.Warn("done", telemetry.KeyError, fault)
		}
		return nil
	}
	return errors.Join(faults...)
}

// hostname names this process for people.
func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	return fmt.Sprintf("%s-%d", name, os.Getpid())
}
