package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/dice-engine/dice/internal/tape"
)

// What every file is written with. Changing any of these changes the bytes of results.
const (
	createdBy         = "dice version 1 (build 0)"
	defaultGroupRows  = 122_880
	defaultGroupBytes = 64 << 20
	pageBytes         = 256 << 10 // of one column's values before encoding
	dictionaryBytes   = 1 << 20   // of one column in one row group, then its pages become plain
	batchRows         = 1024
	batchBytes        = 1 << 20
)

// WriterOptions says how a table is written.
type WriterOptions struct {
	// RowGroupRows and RowGroupBytes close a row group once it has that many rows, or tapes of that many octets. Zero
	// stands for 122,880 rows and 64 MiB.
	RowGroupRows  int64
	RowGroupBytes int64
	// Metadata becomes the file's key-value metadata, sorted by key.
	Metadata map[string]string
}

// Writer writes tapes of one shape as a Parquet file: one column per leaf, in declaration order, under first names.
//
// A plain scalar that is zero becomes NULL; a pointer keeps the zero and is NULL when nil. Plain lists and maps are
// empty when absent, plain structs are there with members that are NULL; pointers to either are NULL when nil. Strings
// are UTF-8: each octet that is not becomes U+FFFD. Fields with the option check have no column.
//
// The same rows and options give the same bytes. A Writer is for one goroutine.
type Writer struct {
	file      *parquet.Writer
	tail      *tailWriter
	outputs   []*parquet.ColumnWriter
	table     *table
	options   WriterOptions
	rows      int64
	batched   int64 // rows that wait in the table
	tapes     []byte
	groupRows int64
	groupSize int64
	err       error
}

// NewWriter starts a file on w. It fails on a shape that has no Parquet form: a list, or a struct without fields.
func NewWriter(w io.Writer, shape *tape.Shape, options WriterOptions) (*Writer, error) {
	if shape.Root.Kind != tape.Struct {
		return nil, errors.New("write table: its rows are not structs")
	}
	root, err := schemaNode(shape.Root)
	if err != nil {
		return nil, fmt.Errorf("write table: %w", err)
	}
	if options.RowGroupRows <= 0 {
		options.RowGroupRows = defaultGroupRows
	}
	if options.RowGroupBytes <= 0 {
		options.RowGroupBytes = defaultGroupBytes
	}
	tail := &tailWriter{to: w}
	file := parquet.NewWriter(tail, &parquet.WriterConfig{
		CreatedBy:          createdBy,
		PageBufferSize:     pageBytes,
		Schema:             parquet.NewSchema("record", root),
		Compression:        &zstd.Codec{Level: zstd.SpeedFastest},
		DictionaryMaxBytes: dictionaryBytes,
		KeyValueMetadata:   options.Metadata,
	}, parquet.DataPageStatistics(false))
	return &Writer{
		file: file, tail: tail, outputs: file.ColumnWriters(), table: newTable(shape.Root), options: options,
	}, nil
}

// Write appends one row, a tape of the shape that is not null. Nothing of it is kept. After an error the writer is of no use.
func (w *Writer) Write(row []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(row) == 0 || row[0] != tape.Present {
		return w.fail(errors.New("row is null"))
	}
	start := len(w.tapes)
	w.tapes = append(w.tapes, row...)
	w.table.add(w.tapes[start+1:])
	w.rows++
	w.batched++
	w.groupRows++
	w.groupSize += int64(len(row))
	if w.groupRows >= w.options.RowGroupRows || w.groupSize >= w.options.RowGroupBytes {
		return w.closeGroup()
	}
	if w.batched >= batchRows || len(w.tapes) >= batchBytes {
		return w.flushBatch()
	}
	return nil
}

// Rows returns the number of rows written so far.
func (w *Writer) Rows() int64 { return w.rows }

// Close completes the file. It does not close what it writes to.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if err := w.closeGroup(); err != nil {
		return err
	}
	if err := closeFile(w.file, w.tail); err != nil {
		return w.fail(err)
	}
	w.err = errors.New("write table: already closed")
	return nil
}

func (w *Writer) closeGroup() error {
	if err := w.flushBatch(); err != nil {
		return err
	}
	w.groupRows, w.groupSize = 0, 0
	if err := w.file.Flush(); err != nil {
		return w.fail(err)
	}
	return nil
}

// flushBatch hands the waiting values to the columns' page buffers, which copy them.
func (w *Writer) flushBatch() error {
	if w.batched == 0 {
		return nil
	}
	for i, output := range w.outputs {
		if _, err := output.WriteRowValues(w.table.columns[i]); err != nil {
			return w.fail(err)
		}
	}
	w.table.reset()
	w.tapes, w.batched = w.tapes[:0], 0
	if cap(w.tapes) > 4*batchBytes {
		w.tapes = nil
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("write table after row %d: %w", w.rows, err)
	return w.err
}
