package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/notice"
	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/scratch"
	"github.com/dice-engine/dice/internal/store"
)

// workerCommand is one more pair of hands.
func workerCommand() *cli.Command {
	return &cli.Command{
		Name:  "worker",
		Usage: "do tasks of the jobs that a queue has",
		Description: `Takes tasks from the queue of dice classify --listen, or of a NATS server, until it is told to stop.
It is told everything by the job's plan, and needs only the queue's URL and credentials for the
stores. Told to leave, by SIGTERM, SIGINT or SIGHUP, by --drain-file or by EC2, it takes no more tasks,
finishes those in hand within --grace or gives them back, and exits with 0.

Examples:
   dice worker --nats nats://TOKEN@coordinator:4222
   dice worker --nats tls://cluster:4222 --nats-creds worker.creds --workers 16 --memory 8GiB
   dice worker --nats nats://coordinator:4222 --ec2-notices --grace 90s --scratch /mnt/nvme`,
		Flags:  slices.Concat(workerFlags(), leaveFlags(), natsFlags()),
		Action: work,
	}
}

// leaveFlags say when a worker leaves, and how.
func leaveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.DurationFlag{Name: "grace", Value: 20 * time.Second, EnvVars: []string{"DICE_GRACE"},
			Usage: "for how long tasks in hand may go on when the worker is told to leave; 0: they are given back at once"},
		&cli.StringFlag{Name: "drain-file", EnvVars: []string{"DICE_DRAIN_FILE"},
			Usage: "leave when this file exists"},
		&cli.BoolFlag{Name: "ec2-notices", EnvVars: []string{"DICE_EC2_NOTICES"},
			Usage: "leave when EC2 says that it takes this spot instance back, or is likely to"},
	}
}

func work(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	cfg, err := workerConfig(c, 1)
	if err != nil {
		return err
	}
	switch {
	case c.String("nats") == "":
		return fmt.Errorf("%w: --nats names the queue that has the tasks", errUsage)
	case c.Duration("grace") < 0:
		return fmt.Errorf("%w: --grace %s is negative", errUsage, c.Duration("grace"))
	}
	progress, log, err := newConsole(c)
	if err != nil {
		return err
	}
	defer progress.Close()
	conns, err := connConfig(c, "dice worker "+cfg.Name, log)
	if err != nil {
		return err
	}
	ctx, stop, err := notice.Context(c.Context, notice.Config{File: c.String("drain-file"), EC2: c.Bool("ec2-notices"), Log: log})
	if err != nil {
		return err
	}
	defer stop()
	folder, err := scratch.Make(cfg.Scratch)
	if err != nil {
		return err
	}
	defer folder.Close()
	cfg.Scratch, cfg.Grace = folder.Path, c.Duration("grace")
	conn, err := queue.Dial(ctx, c.String("nats"), conns)
	if ctx.Err() != nil {
		return nil // it was told to leave before it had a queue
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	log.Info("waiting for tasks", "queue", conn.Server(), "slots", cfg.Tasks())
	err = runWorker(ctx, conn, cfg, func(ctx context.Context, place string) (store.Bucket, error) { return dial(ctx, c, place, log) }, log)
	if err == nil {
		log.Info("left", "reason", reasonOf(context.Cause(ctx)))
	}
	return err
}

// reasonOf says why a worker left.
func reasonOf(cause error) string {
	var leave notice.Leave
	if errors.As(cause, &leave) {
		return leave.Reason
	}
	return "signal"
}
