package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
)

func cancelCommand() *cli.Command {
	return &cli.Command{
		Name:      "cancel",
		Usage:     "stop a job and remove what it has left",
		ArgsUsage: "OUT",
		Description: `Stops the unfinished job of an output, wherever it runs, and removes its work files and what there is
of its result. Its coordinator notices within seconds, its workers within a lease. A finished result is not touched.
Where the coordinator is gone for good, its queue at a NATS server stays: with --nats it is removed as well, also
when the job was cancelled before. That takes the coordinator's user.

Examples:
   dice cancel s3://results/2026-11
   dice cancel --nats nats://cluster:4222 s3://results/2026-11`,
		Flags:  natsFlags(),
		Action: cancel,
	}
}

func cancel(c *cli.Context) error {
	bucket, err := outputArgument(c)
	if err != nil {
		return err
	}
	job, removed, err := coordinator.Cancel(c.Context, bucket)
	if err == nil {
		fmt.Fprintf(c.App.ErrWriter, "Job %s is cancelled; %d files were removed.\n", printable(job), removed)
	}
	if c.String("nats") != "" {
		return cancelQueues(c, job, err)
	}
	if err == nil {
		fmt.Fprintf(c.App.ErrWriter, "If it had a queue at a NATS server and its coordinator is gone, the queue stays: "+
			"dice cancel --nats URL %s removes it, or dice sweep --nats URL.\n", printable(c.Args().First()))
	}
	return err
}

// cancelQueues removes the queues of the job and of the output's earlier ones, of which nothing else may be left. So it is
// no fault then that there was no job to cancel.
func cancelQueues(c *cli.Context, job string, cancelled error) error {
	if job == "" && !errors.Is(cancelled, coordinator.ErrNoJob) {
		return cancelled
	}
	conn, err := dialQueue(c, "dice cancel")
	if err != nil {
		return errors.Join(cancelled, err)
	}
	defer conn.Close()
	if job != "" {
		if err := queue.Delete(c.Context, conn, job); err != nil {
			return errors.Join(cancelled, err)
		}
	}
	all, err := queue.Statuses(c.Context, conn)
	if err != nil {
		return errors.Join(cancelled, err)
	}
	for _, s := range all {
		switch {
		case s.Job == job || !sameOutput(s.Output, c.Args().First()):
			continue
		case !s.Silent && cancelled != nil:
			return fmt.Errorf("%w that this machine sees, and %s leads job %s into it", cancelled, s.Coordinator, s.Job)
		case !s.Silent:
			continue // somebody has begun it since
		}
		if err := queue.Delete(c.Context, conn, s.Job); err != nil {
			return errors.Join(cancelled, err)
		}
		fmt.Fprintf(c.App.ErrWriter, "The queue of job %s was left, and is removed.\n", printable(s.Job))
		if job == "" {
			cancelled = nil
		}
	}
	return cancelled
}

// sameOutput says whether two texts name one output. What only says how to reach it makes no difference.
func sameOutput(a, b string) bool {
	x, err := store.Parse(reachable(a))
	y, fault := store.Parse(reachable(b))
	if x.Endpoint == "" || y.Endpoint == "" { // the environment names it
		x.Endpoint, y.Endpoint = "", ""
	}
	x.Region, x.Profile, y.Region, y.Profile = "", "", "", ""
	return err == nil && fault == nil && x == y
}

// outputArgument opens the output that is the command's only argument.
func outputArgument(c *cli.Context) (store.Bucket, error) {
	out, err := oneArgument(c, "where the result is")
	if err != nil {
		return nil, err
	}
	_, log, err := newConsole(c)
	if err != nil {
		return nil, err
	}
	return dialOutput(c.Context, c, out, log)
}

func sweepCommand() *cli.Command {
	return &cli.Command{
		Name:      "sweep",
		Usage:     "remove what machines that never came back have left in an output",
		ArgsUsage: "[OUT]",
		Description: `Removes work files of jobs that are finished, or are no longer the output's, and objects whose writing
was never ended. The work files of an unfinished job stay: the same dice classify command goes on with
it, and dice cancel removes it. What is younger than --older stays as well, as somebody may be at it.
With --nats and without OUT: removes the queues of a pool's jobs that have ended, by looking into their outputs. That
takes the coordinator's user.

Examples:
   dice sweep s3://results/2026-11
   dice sweep --older 10m --json out
   dice sweep --nats nats://cluster:4222`,
		Flags: append(natsFlags(),
			&cli.DurationFlag{Name: "older", Value: time.Hour, EnvVars: []string{"DICE_OLDER"}, Usage: "least age of what is removed"},
			jsonFlag(),
		),
		Action: sweep,
	}
}

func sweep(c *cli.Context) error {
	if c.Duration("older") < 0 {
		return fmt.Errorf("%w: --older %s is negative", errUsage, c.Duration("older"))
	}
	ofQueues, err := outputOrQueue(c)
	if err != nil {
		return err
	}
	if ofQueues {
		return sweepQueues(c)
	}
	bucket, err := outputArgument(c)
	if err != nil {
		return err
	}
	swept, err := coordinator.Sweep(c.Context, bucket, time.Now().Add(-c.Duration("older")))
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, swept)
	}
	fmt.Fprintf(c.App.Writer, "%d work files and %d unfinished objects were removed.\n", swept.Removed, swept.Aborted)
	if swept.Unfinished != "" {
		fmt.Fprintf(c.App.Writer, "Job %s is not finished: the same dice classify command goes on with it, dice cancel removes it.\n",
			printable(swept.Unfinished))
	}
	return nil
}

// sweepQueues removes the queues of jobs that have ended.
func sweepQueues(c *cli.Context) error {
	conn, err := dialQueue(c, "dice sweep")
	if err != nil {
		return err
	}
	defer conn.Close()
	_, log, err := newConsole(c)
	if err != nil {
		return err
	}
	jobs, err := queue.Jobs(c.Context, conn)
	if err != nil {
		return err
	}
	removed := []string{}
	for _, job := range jobs {
		ended, err := hasEnded(c, job, log)
		switch {
		case err != nil:
			log.Warn("look into the output of a queue's job", telemetry.KeyJob, job.Name, telemetry.KeyOutput, job.Output, telemetry.KeyError, err)
		case ended:
			if err := queue.Delete(c.Context, conn, job.Name); err != nil {
				return err
			}
			removed = append(removed, job.Name)
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, map[string][]string{"queues": removed})
	}
	fmt.Fprintf(c.App.Writer, "%d of %d queues were removed.\n", len(removed), len(jobs))
	return nil
}

// hasEnded says whether the output of a job tells that it was published, or is no longer the job's.
func hasEnded(c *cli.Context, job queue.Job, log *slog.Logger) (bool, error) {
	if job.Output == "" {
		return false, errors.New("the queue does not say where it is")
	}
	bucket, err := dial(c.Context, c, job.Output, log)
	if err != nil {
		return false, err
	}
	if err := store.Exists(c.Context, bucket); err != nil {
		return false, err // nothing can be told from what this machine does not see
	}
	name, _, m, err := coordinator.Look(c.Context, bucket)
	if errors.Is(err, coordinator.ErrNoJob) || errors.Is(err, coordinator.ErrTaken) {
		return true, nil
	}
	return m != nil || name != job.Name, err
}
