package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/synth"
	"github.com/dice-engine/dice/internal/zgrab2"
)

func generateCommand() *cli.Command {
	return &cli.Command{
		Name:  "generate",
		Usage: "make up a scan whose true answers are known",
		Description: `Writes a scan that was never made, with devices, failures, repetition, duplicates, and certificates
and keys that several hosts share. The same options give the same octets. --truth tells what
becomes of every record, which labels it gets, and who shares what, to check a result with.

Layouts: jsonl (also jsonl.gz, jsonl.zst): lines of ZGrab2; parquet: protocol=<p>/<p>.parquet;
raw: Parquet rows with all protocols below data. Certificates of hosts whose protocol carries
none are in a side table beside it, certificates.<layout>.

Examples:
   dice generate --rows 100000 --seed 1 --layout jsonl -o scan
   dice generate --rows 1000000 --seed 1 --layout parquet -o tables --truth truth.jsonl
   dice generate --rows 50000000 --layout raw --files 20 --distinct -o s3://scans/worst`,
		Flags:  generateFlags(),
		Before: needs("output"),
		Action: generate,
	}
}

func generateFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Int64Flag{Name: "rows", Value: 100_000, EnvVars: []string{"DICE_ROWS"}, Usage: "lines or rows of the scan"},
		&cli.Uint64Flag{Name: "seed", Value: 1, EnvVars: []string{"DICE_SEED"}, Usage: "another seed, another scan"},
		&cli.StringFlag{Name: "layout", Value: "jsonl", EnvVars: []string{"DICE_LAYOUT"}, Usage: strings.Join(synth.Layouts(), ", ")},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, EnvVars: []string{"DICE_OUTPUT"}, Usage: "an empty folder or s3://bucket/prefix"},
		&cli.StringFlag{Name: "truth", EnvVars: []string{"DICE_TRUTH"}, Usage: "file for the true answers, as JSON lines"},
		&cli.BoolFlag{Name: "totals", EnvVars: []string{"DICE_TOTALS"}, Usage: "leave the single records out of the truth"},
		&cli.StringFlag{Name: "protocols", EnvVars: []string{"DICE_PROTOCOLS"}, Usage: "of " + strings.Join(zgrab2.Names(), ", ") + ", with commas between them (default: all)"},
		&cli.IntFlag{Name: "files", Value: 1, EnvVars: []string{"DICE_FILES"}, Usage: "files per protocol"},
		&cli.BoolFlag{Name: "distinct", EnvVars: []string{"DICE_DISTINCT"}, Usage: "make every result and certificate different: the worst case"},
		&cli.IntFlag{Name: "broken", EnvVars: []string{"DICE_BROKEN"}, Usage: "of a thousand lines, those that cannot be read (JSON lines only)"},
		&cli.IntFlag{Name: "workers", Value: runtime.GOMAXPROCS(0), EnvVars: []string{"DICE_WORKERS"}, Usage: "goroutines that make records"},
		jsonFlag(),
	}
}

func generate(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	config := synth.Config{
		Rows: c.Int64("rows"), Seed: c.Uint64("seed"), Layout: c.String("layout"), Protocols: strings.FieldsFunc(c.String("protocols"), func(r rune) bool { return r == ',' }),
		Files: c.Int("files"), Distinct: c.Bool("distinct"), Workers: c.Int("workers"), Records: !c.Bool("totals"),
		Broken: c.Int("broken"),
	}
	if err := config.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	answers, err := localFile("truth", c.String("truth"))
	if err != nil {
		return err
	}
	progress, log, err := newConsole(c)
	if err != nil {
		return err
	}
	bucket, err := dialOutput(c.Context, c, c.String("output"), log)
	if err != nil {
		return err
	}
	if err := refuseResult(c.Context, bucket); err != nil {
		return err
	}
	if err := refuseObjects(c.Context, bucket); err != nil {
		return err
	}
	truth, err := createFile(answers)
	if err != nil {
		return err
	}
	defer progress.Close()
	progress.Phase("generate", config.Rows, 0)
	report := func(rows, octets int64) { progress.Advance("generate", rows, octets, rows) }
	total, err := synth.Generate(c.Context, config, createIn(c.Context, bucket), truth.writer(), report)
	if err := truth.close(err); err != nil {
		return err
	}
	progress.Done()
	return printTruth(c.App.Writer, total, c.Bool("json"))
}

// printTruth tells what was made.
func printTruth(w io.Writer, total synth.Truth, asJSON bool) error {
	if asJSON {
		return printJSON(w, total)
	}
	rows := [][]string{{"PROTOCOL", "RECORDS", "FILTERED", "DUPLICATES", "KEPT", "LABELLED"}}
	for _, p := range total.Protocols {
		row := []string{p.Protocol}
		for _, n := range []int64{p.Records, p.Filtered, p.Duplicates, p.Kept, p.Labelled} {
			row = append(row, fmt.Sprint(n))
		}
		rows = append(rows, row)
	}
	if err := printTable(w, rows); err != nil {
		return err
	}
	s := total.Scan
	_, err := fmt.Fprintf(w, "%d rows in %d objects, %d certificates and %d keys on several hosts\n", s.Lines, s.Objects, s.Certificate, s.Key)
	return err
}

// createIn starts objects of a bucket.
func createIn(ctx context.Context, bucket store.Bucket) synth.Create {
	return func(name string) (synth.File, error) {
		w, err := bucket.NewWriter(ctx, name)
		return object{w}, err
	}
}

// object is an object that is being written, for those who need not know its size.
type object struct{ store.Writer }

// Commit makes the object visible.
func (o object) Commit() error {
	_, err := o.Writer.Commit()
	return err
}
