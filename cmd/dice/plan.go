package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/coordinator"
	"github.com/dice-engine/dice/internal/estimate"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/survey"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name:  "plan",
		Usage: "tell what a job would read, write, ask of the store and cost, without running it",
		Description: `Takes the options of dice classify. Lists the objects, looks at the footers of Parquet and at the
beginnings of lines, and prints shards, octets to read of the columns that are needed, requests to
the store, sizes, processor time, how many workers a deadline needs, and an estimated bill. Nothing
of the job is run, and nothing is written. Of more than 200 objects it looks at 200, spread evenly.

Prices and ratios are data, and dated. --prices takes a table of your own, in the form of .prices in
the output for programs.

Examples:
   dice plan -f 's3://scans/2026-11/**' -o s3://results/2026-11
   dice plan -f 'scan/**' --certificates scan/certificates.jsonl --mode all --deadline 20m
   dice plan -f 's3://scans/2026-11/**' --json | jq .prices > prices.json
   dice plan -f 's3://scans/2026-11/**' --prices prices.json --json | jq .fleets

` + exitHelp(exitUsage),
		Flags: slices.Concat(jobFlags(), []cli.Flag{
			&cli.DurationFlag{Name: "deadline", Value: time.Hour, EnvVars: []string{"DICE_DEADLINE"},
				Usage: "time in which the job is to be done, like 45m"},
			&cli.StringFlag{Name: "prices", EnvVars: []string{"DICE_PRICES"}, Usage: "file with a price table, as JSON (default: typical prices)"},
			jsonFlag(),
		}),
		Before: needs("file"),
		Action: plan,
	}
}

func plan(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	prices, err := readPrices(c.String("prices"))
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	command, err := commandOf(c)
	if err != nil {
		return err
	}
	deadline := c.Duration("deadline")
	if deadline <= 0 {
		return fmt.Errorf("%w: --deadline %s: want a time to come", errUsage, deadline)
	}
	measures, err := estimate.Measured()
	if err != nil {
		return err
	}
	_, log, err := newConsole(c)
	if err != nil {
		return err
	}
	open := func(ctx context.Context, place string) (store.Bucket, error) { return dial(ctx, c, place, log) }
	job, err := coordinator.Survey(c.Context, command, c.String("output"), open)
	if err != nil {
		return err
	}
	log.Debug("look at objects", "objects", len(job.Inputs))
	found, err := survey.Look(c.Context, job, open)
	if err != nil {
		return err
	}
	r := newPlanReport(job, found, c.String("output"), measures)
	r.price(prices, deadline)
	if c.Bool("json") {
		return printJSON(c.App.Writer, r)
	}
	return printPlan(c.App.Writer, r)
}

// readPrices reads the price table in a file; without a file it is the one that DICE comes with.
func readPrices(name string) (*estimate.Prices, error) {
	if name == "" {
		return estimate.TypicalPrices()
	}
	file, err := os.Open(filepath.Clean(name))
	if err != nil {
		return nil, fmt.Errorf("--prices: %w", err)
	}
	defer file.Close()
	prices, err := estimate.ReadPrices(file)
	if err != nil {
		return nil, fmt.Errorf("--prices %s: %w", name, err)
	}
	return prices, nil
}
