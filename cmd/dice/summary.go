package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/shard"
)

// maxDocument bounds the small documents of a result that are read whole.
const maxDocument = 1 << 30

func summaryCommand() *cli.Command {
	return &cli.Command{
		Name:      "summary",
		Usage:     "print a result in figures",
		ArgsUsage: "OUT",
		Description: `Prints for each protocol how many records passed filter and duplicates (flagged), how many of
these got a label (classified), and how often each label was given. Several hosts are as many as
--reuse-hosts of dice classify said, 2 by default.

Examples:
   dice summary out
   dice summary --json s3://results/2026-11 | jq .protocols.mqtt`,
		Flags:  []cli.Flag{jsonFlag()},
		Action: summary,
	}
}

func summary(c *cli.Context) error {
	bucket, err := resultArgument(c)
	if err != nil {
		return err
	}
	return showSummary(c, bucket)
}

// resultArgument opens the result that is the command's only argument. What is not there is a mistake of the command line.
func resultArgument(c *cli.Context) (store.Bucket, error) {
	bucket, err := outputArgument(c)
	if err != nil {
		return nil, err
	}
	if err := store.Exists(c.Context, bucket); errors.Is(err, store.ErrNoBucket) {
		return nil, fmt.Errorf("%w: %s is not there", errUsage, bucket.URL())
	}
	return bucket, nil
}

// showSummary prints the summary of a finished job.
func showSummary(c *cli.Context, out store.Bucket) error {
	body, err := out.Get(c.Context, shard.SummaryKey, maxDocument)
	if err != nil {
		return fmt.Errorf("%w%s", err, unfinished(err))
	}
	var s shard.Summary
	if err := json.Unmarshal(body, &s); err != nil {
		return fmt.Errorf("read %s of %s: %w", shard.SummaryKey, out.URL(), err)
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, s)
	}
	return printSummary(c.App.Writer, s)
}

// unfinished explains a missing document.
func unfinished(err error) string {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrNoBucket) {
		return " (is the job finished? the same dice classify command goes on with it)"
	}
	return ""
}

func printSummary(w io.Writer, s shard.Summary) error {
	rows := [][]string{{"PROTOCOL", "FLAGGED", "CLASSIFIED", "LABEL", "RECORDS"}}
	for _, name := range slices.Sorted(maps.Keys(s.Protocols)) {
		p := s.Protocols[name]
		head := []string{name, fmt.Sprint(p.Flagged), fmt.Sprint(p.Classified)}
		for _, label := range slices.Sorted(maps.Keys(p.Labels)) {
			rows = append(rows, append(head, label, fmt.Sprint(p.Labels[label])))
			head = []string{"", "", ""}
		}
		if len(p.Labels) == 0 {
			rows = append(rows, head)
		}
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	fmt.Fprintf(w, "\n%d certificates and %d keys are on several hosts.\n", s.Reuse.Certificates, s.Reuse.Keys)
	fmt.Fprintf(w, "%d records: %d written, %d duplicate, %d filtered, %d without a label, %d of other protocols, %d excluded, %d rejected.\n",
		s.Records.Records, s.Records.Output, s.Records.Duplicate, s.Records.Filtered, s.Records.Unlabelled, s.Records.Other,
		s.Records.Excluded, s.Records.Rejected)
	if s.Rejects > 0 {
		fmt.Fprintf(w, "%d entries in %s/ say what could not be read, and why.\n", s.Rejects, shard.RejectsTable)
	}
	for _, input := range s.Skipped {
		fmt.Fprintf(w, "Left out: %s\n", printable(input.URL))
	}
	for _, warning := range s.Warnings {
		fmt.Fprintf(w, "Warning: %s\n", printable(warning))
	}
	return nil
}

// printJSON writes a value for programs.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
