// Package ingest copies scan records, from the scanner's JSON lines or other Parquet, into Parquet, a folder per protocol:
// protocol=<p>/<p>.parquet, with every member that a ZGrab2 prints (see package zgrab2). Tools read such a scan by column, and
// DICE reads it several times faster than the lines it came from.
//
// Lines and rows that cannot be read are reported and counted, and the copying goes on.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/inputs"
	"github.com/dice-engine/dice/internal/record"
	"github.com/dice-engine/dice/internal/store"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/zgrab2"
	"github.com/dice-engine/dice/shard"
)

// Config says what to copy.
type Config struct {
	Files  []string // patterns: local or s3://
	Limits record.Limits
}

// Deps are the doors of a run. Only Report and Reject may be nil.
type Deps struct {
	Open   func(ctx context.Context, place string) (store.Bucket, error)
	Output store.Bucket
	Report func(rows, octets, objects int64) // called as rows are read
	Begin  func(objects int)                 // called once, when the inputs are known
	Reject func(*record.RowError)            // called for what cannot be read
}

// Counts is what became of the input. Lines = those with records + Empty + those among Rejected that were lost whole.
type Counts struct {
	Objects   int              `json:"objects"`
	Lines     int64            `json:"lines"`
	Empty     int64            `json:"empty"`
	Rejected  int64            `json:"rejected"` // lines, and records of lines, that could not be read
	Other     int64            `json:"other"`    // records of protocols that are not known
	Protocols map[string]int64 `json:"protocols"`
}

// Run copies all records. Nothing is visible in the output until everything was copied. Records stand in input order.
func Run(ctx context.Context, c Config, d Deps) (Counts, error) {
	buckets := map[string]store.Bucket{}
	list, err := inputs.List(ctx, c.Files, "", func(ctx context.Context, place string) (store.Bucket, error) {
		bucket, err := d.Open(ctx, place)
		buckets[place] = bucket
		return bucket, err
	})
	if err != nil {
		return Counts{}, fmt.Errorf("ingest: %w", err)
	}
	if d.Report == nil {
		d.Report = func(int64, int64, int64) {}
	}
	if d.Reject == nil {
		d.Reject = func(*record.RowError) {}
	}
	r := &run{Config: c, Deps: d, tables: newTables(), counts: Counts{Objects: len(list), Protocols: map[string]int64{}}}
	if d.Begin != nil {
		d.Begin(len(list))
	}
	for _, in := range list {
		if err := r.object(ctx, in, buckets[in.Place]); err != nil {
			return r.counts, fmt.Errorf("ingest: %w", errors.Join(err, r.abort()))
		}
	}
	if err := r.commit(); err != nil {
		return r.counts, fmt.Errorf("ingest: %w", errors.Join(err, r.abort()))
	}
	return r.counts, nil
}

type run struct {
	Config
	Deps
	tables []*table
	counts Counts
}

// table is the file of a protocol. It is begun with its first record.
type table struct {
	zgrab2.Result
	file store.Writer
	rows *record.Writer
	row  []byte
}

func newTables() []*table {
	var tables []*table
	for _, result := range zgrab2.All() {
		tables = append(tables, &table{Result: result})
	}
	return tables
}

// wants lists the records that are read: those of all tables, in their order.
func (r *run) wants() []record.Want {
	var wants []record.Want
	for _, t := range r.tables {
		wants = append(wants, record.Want{Protocol: t.Protocol, Result: t.Shape})
	}
	return wants
}

// object copies the records of one input.
func (r *run) object(ctx context.Context, in shard.Input, bucket store.Bucket) error {
	file := store.Open(ctx, bucket, store.Info{Key: in.Key, Size: in.Size, ETag: in.ETag})
	object := record.Object{Name: in.URL, Size: in.Size, ReaderAt: file}
	reader, err := record.Open(ctx, object, record.Slice{To: in.Size}, r.wants(), r.Limits)
	if err != nil {
		return err
	}
	defer reader.Close()
	var read record.Counts
	for n := 1; ; n++ {
		done, err := r.next(ctx, reader)
		if err != nil {
			return err
		}
		if now := reader.Counts(); done || n%1024 == 0 {
			r.Report(now.Lines-read.Lines, now.Bytes-read.Bytes, 0)
			read = now
		}
		if done {
			r.Report(0, 0, 1)
			r.counts.Lines += read.Lines
			r.counts.Empty += read.Empty
			return nil
		}
	}
}

// next copies one record and says whether the object is done.
func (r *run) next(ctx context.Context, reader record.Reader) (done bool, err error) {
	row, err := reader.Next()
	var bad *record.RowError
	switch {
	case err == io.EOF:
		return true, nil
	case errors.As(err, &bad):
		r.counts.Rejected += max(bad.Rows, 1)
		r.Reject(bad)
		return false, nil
	case err != nil:
		return false, err
	case row.Want == record.Other:
		r.counts.Other++
		return false, nil
	}
	t := r.tables[row.Want]
	if err := t.begin(ctx, r.Output); err != nil {
		return false, err
	}
	r.counts.Protocols[t.Protocol]++
	return false, t.write(row)
}

// key is where the table stands in the output.
func (t *table) key() string { return fmt.Sprintf("protocol=%s/%s.parquet", t.Protocol, t.Protocol) }

func (t *table) begin(ctx context.Context, output store.Bucket) (err error) {
	if t.rows != nil {
		return nil
	}
	key := t.key()
	switch _, err := output.Stat(ctx, key); {
	case err == nil: // told now, not after all has been copied
		return fmt.Errorf("%s: %w", key, store.ErrExists)
	case !errors.Is(err, store.ErrNotFound):
		return err
	}
	if t.file, err = output.NewWriter(ctx, key); err != nil {
		return err
	}
	t.rows, err = record.NewWriter(t.file, t.Row, record.WriterOptions{})
	return err
}

func (t *table) write(row *record.Row) error {
	head := zgrab2.Head{
		IP: string(row.IP), Domain: string(row.Domain), Port: row.Port, Protocol: t.Protocol, Status: string(row.Status),
		Error: string(row.Error),
	}
	if row.HasTime {
		at := tape.Time(row.Time)
		head.Time = &at
	}
	t.row = zgrab2.AppendRow(t.row[:0], &head, row.Result)
	return t.rows.Write(t.row)
}

// commit completes the tables, and makes them visible when all of them are complete.
func (r *run) commit() error {
	begun := slices.DeleteFunc(slices.Clone(r.tables), func(t *table) bool { return t.rows == nil })
	for _, t := range begun {
		if err := t.rows.Close(); err != nil {
			return err
		}
	}
	var visible []string
	for _, t := range begun {
		_, err := t.file.Commit()
		if err != nil && len(visible) > 0 {
			return fmt.Errorf("%w (of %d tables, the output has %s: remove what is there before the next attempt)",
				err, len(begun), strings.Join(visible, ", "))
		}
		if err != nil {
			return err
		}
		visible = append(visible, t.key())
	}
	return nil
}

// abort drops the tables that were begun.
func (r *run) abort() error {
	var errs []error
	for _, t := range r.tables {
		if t.file != nil {
			errs = append(errs, t.file.Abort())
		}
	}
	return errors.Join(errs...)
}
