package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
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
	return []cli.Flag{
		&cli.IntFlag{Name: "workers", Value: runtime.GOMAXPROCS(0), EnvVars: []string{"DICE_WORKERS"},
			Usage: "tasks that this process does at a time"},
		&cli.StringFlag{Name: "memory", Value: "512MiB", EnvVars: []string{"DICE_MEMORY"},
			Usage: "memory that this process may take for its tasks"},
		&cli.StringFlag{Name: "scratch", EnvVars: []string{"DICE_SCRATCH"},
			Usage: "folder for what does not fit into memory (default: the system's temporary folder)"},
		&cli.BoolFlag{Name: "keep-work", EnvVars: []string{"DICE_KEEP_WORK"},
			Usage: "leave the work files in OUT/_dice"},
		jsonFlag(),
	}
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
	memory, err := parseSize(c.String("memory"))
	if err != nil {
		return fmt.Errorf("%w: --memory: %w", errUsage, err)
	}
	progress, log, err := newConsole(c)
	if err != nil {
		return err
	}
	defer progress.Close()
	j := &localJob{
		cli: c, log: log, progress: progress, output: c.String("output"), command: command,
		worker: worker.Config{
			Name: hostname(), Slots: c.Int("workers"), Memory: memory, Scratch: c.String("scratch"), MaxFailures: maxFailures,
		},
	}
	if err := j.worker.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	result, err := j.run(c.Context)
	progress.Close()
	if err != nil {
		return err
	}
	return report(c, log, j.out, result)
}

// localJob is a job whose coordinator, queue and workers share this process.
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
	server, err := queue.Start(queue.ServerConfig{StoreDir: dir, Logger: j.log})
	if err != nil {
		return nil, err
	}
	defer server.Shutdown()
	conn, err := server.Connect(queue.ConnConfig{Name: "dice", Logger: j.log})
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	return j.lead(ctx, conn)
}

// lead runs workers until the coordinator is done.
func (j *localJob) lead(ctx context.Context, conn *nats.Conn) (result *coordinator.Result, err error) {
	taker := queue.NewTaker(conn, queue.TakerConfig{Logger: j.log})
	defer taker.Close()
	w, err := worker.New(j.worker, taker, worker.NewPlaces(j.open), j.log)
	if err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	working, stop := context.WithCancel(ctx)
	group.Go(func() error { return w.Run(working) })
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

func (j *localJob) coordinator(conn *nats.Conn) *coordinator.Coordinator {
	cfg := coordinator.Config{
		Command: j.command, Output: j.output, Keep: j.cli.Bool("keep-work"), MaxTrouble: maxTrouble, Poll: pollEvery,
	}
	return coordinator.New(cfg, coordinator.Deps{
		Out: j.out, Open: j.open, Progress: j.progress, Log: j.log, Now: time.Now,
		Queue: func(ctx context.Context, job string) (coordinator.Queue, error) {
			return queue.Open(ctx, conn, job, queue.Config{Logger: j.log})
		},
	})
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
