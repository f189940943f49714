package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/telemetry"
)

// newConsole makes the progress and the logger of a command, as its flags want them. Both talk to standard error.
func newConsole(c *cli.Context) (*telemetry.Progress, *slog.Logger, error) {
	progress := telemetry.NewProgress(c.App.ErrWriter, columnsOf(c.App.ErrWriter), time.Now)
	log, err := telemetry.NewLogger(progress, c.String("log-format"), c.String("log-level"))
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	progress.LogTo(log)
	return progress, log, nil
}

// usualColumns is taken for the width of a terminal that does not tell it.
const usualColumns = 80

// columnsOf returns what asks for the width of a terminal; nil if w is none.
func columnsOf(w io.Writer) func() int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return nil
	}
	return func() int {
		if columns, _, err := term.GetSize(int(file.Fd())); err == nil && columns > 0 {
			return columns
		}
		return usualColumns
	}
}

// dial opens a folder or an S3 location.
func dial(ctx context.Context, c *cli.Context, place string, log *slog.Logger) (store.Bucket, error) {
	location, err := store.Parse(place)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	cfg := store.Config{Checksums: c.String("s3-checksums"), Logger: log}
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("%w: --s3-checksums: %w", errUsage, err)
	}
	return store.Dial(ctx, location, cfg)
}

// dialOutput opens what is to be an output, or is one.
func dialOutput(ctx context.Context, c *cli.Context, place string, log *slog.Logger) (store.Bucket, error) {
	if location, err := store.Parse(place); err == nil && location.Scheme == store.SchemeFile {
		if info, err := os.Stat(location.Path); err == nil && !info.IsDir() {
			return nil, fmt.Errorf("%w: output %s is a file: want a folder", errUsage, place)
		}
	}
	return dial(ctx, c, place, log)
}

// printable makes a text from a scan safe for a terminal: what does not print is escaped.
func printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r != unicode.ReplacementChar && unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

// printTable writes rows in columns, made printable.
func printTable(w io.Writer, rows [][]string) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = printable(cell)
		}
		if _, err := fmt.Fprintln(table, strings.TrimRight(strings.Join(safe, "\t"), "\t")); err != nil {
			return err
		}
	}
	return table.Flush()
}
