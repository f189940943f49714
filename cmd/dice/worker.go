package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/queue"
	"github.com/dice-engine/dice/internal/store"
)

// workerCommand is one more pair of hands.
func workerCommand() *cli.Command {
	return &cli.Command{
		Name:  "worker",
		Usage: "do tasks of the jobs that a queue has",
		Description: `Takes tasks from the queue of dice classify --listen, or of a NATS server, until it is told to stop.
It is told everything by the job's plan, and needs only the queue's URL and credentials for the
stores. Interrupted, it gives its tasks back.

Examples:
   dice worker --nats nats://TOKEN@coordinator:4222
   dice worker --nats nats://cluster:4222 --workers 16 --memory 8GiB --scratch /mnt/nvme`,
		Flags: append(workerFlags(), &cli.StringFlag{Name: "nats", Required: true, EnvVars: []string{"DICE_NATS"},
			Usage: "URL of the queue"}),
		Action: work,
	}
}

func work(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	cfg, err := workerConfig(c)
	if err == nil {
		err = cfg.Validate()
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	progress, log, err := newConsole(c)
	if err != nil {
		return err
	}
	defer progress.Close()
	conn, err := queue.Dial(c.Context, c.String("nats"), queue.ConnConfig{Name: "dice worker " + cfg.Name, Logger: log})
	if err != nil {
		return err
	}
	defer conn.Close()
	log.Info("waiting for tasks", "queue", conn.ConnectedUrlRedacted(), "slots", cfg.Slots)
	open := func(ctx context.Context, place string) (store.Bucket, error) { return dial(ctx, c, place, log) }
	return runWorker(c.Context, conn, cfg, open, log)
}
