package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/ingest"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
)

func ingestCommand() *cli.Command {
	return &cli.Command{
		Name:  "ingest",
		Usage: "copy scans of ZGrab2 into Parquet, a folder per protocol",
		Description: `Reads what dice classify reads: JSON lines, or Parquet. Writes protocol=<p>/<p>.parquet with every
member of the scanner's results, in input order. What cannot be read is reported and counted.

Examples:
   dice ingest -f 'scan/zgrab2_*' -o parquet
   dice ingest -f 's3://scans/2026-11/**/*.jsonl.zst' -o s3://scans/2026-11-parquet

` + exitHelp(exitRejects),
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "file", Aliases: []string{"f"}, EnvVars: []string{"DICE_FILE"},
				Usage: "scan files: Parquet, or JSON lines plain, .gz or .zst; local or s3://bucket/…; * ? [] {} and ** are wildcards; may be repeated; in the environment variable a line each"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: []string{"DICE_OUTPUT"}, Usage: "folder or s3://bucket/prefix"},
			jsonFlag(),
		},
		Before: needs("file", "output"),
		Action: ingestFiles,
	}
}

func ingestFiles(c *cli.Context) error {
	files := append(c.StringSlice("file"), c.Args().Slice()...) // a shell may have expanded the pattern
	if err := checkPatterns(files); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	progress, log, err := newConsole(c)
	if err != nil {
		return err
	}
	output, err := dialOutput(c.Context, c, c.String("output"), log)
	if err != nil {
		return err
	}
	if err := refuseResult(c.Context, output); err != nil {
		return err
	}
	deps := ingest.Deps{
		Open:   func(ctx context.Context, place string) (store.Bucket, error) { return dial(ctx, c, place, log) },
		Output: output,
		Begin:  func(objects int) { progress.Phase("ingest", int64(objects), 0) },
		Report: func(rows, octets, objects int64) { progress.Advance("ingest", rows, octets, objects) },
		Reject: rejectLog(log),
	}
	counts, err := ingest.Run(c.Context, ingest.Config{Files: files, Limits: record.DefaultLimits}, deps)
	if err == nil {
		progress.Done()
	}
	progress.Close()
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%w: %w: name another output", errUsage, err)
	}
	if err != nil {
		return err
	}
	return reportIngest(c, counts)
}

// loggedRejects is how many rejects are told one by one.
const loggedRejects = 100

// rejectLog returns a function that logs the first rejects.
func rejectLog(log *slog.Logger) func(*record.RowError) {
	seen := 0
	return func(bad *record.RowError) {
		if seen++; seen > loggedRejects {
			return
		}
		log.Warn("rejected", telemetry.KeyObject, bad.Object, "row", bad.Row, telemetry.KeyError, bad.Err)
		if seen == loggedRejects {
			log.Warn("further rejects are only counted")
		}
	}
}

func reportIngest(c *cli.Context, counts ingest.Counts) error {
	if c.Bool("json") {
		if err := printJSON(c.App.Writer, counts); err != nil {
			return err
		}
	} else if err := printIngest(c, counts); err != nil {
		return err
	}
	if counts.Rejected > 0 {
		return fmt.Errorf("%w: %d lines or records", errRejects, counts.Rejected)
	}
	return nil
}

func printIngest(c *cli.Context, counts ingest.Counts) error {
	rows := [][]string{{"PROTOCOL", "RECORDS"}}
	for _, s := range sheets() {
		if n := counts.Protocols[s.Name]; n > 0 {
			rows = append(rows, []string{s.Name, fmt.Sprint(n)})
		}
	}
	if err := printTable(c.App.Writer, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(c.App.Writer, "%d lines of %d objects: %d empty, %d rejected; %d records of other protocols\n",
		counts.Lines, counts.Objects, counts.Empty, counts.Rejected, counts.Other)
	return err
}
