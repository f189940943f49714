package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"github.com/dice-engine/dice/internal/grow"
	"github.com/dice-engine/dice/internal/tape"
)

// What every file is written with. Changing any of these changes the bytes of results.
const (
	createdBy         = "dice version 2 (build 0)"
	defaultGroupRows  = 122_880
	defaultGroupBytes = 64 << 20
	pageRows          = 20 << 10
	pageBytes         = 256 << 10 // of one column's values before compression
	dictionaryBytes   = 1 << 20   // of one column in one row group, then its pages become plain
)

// pageCodec compresses the pages of all files, so that they share its tables.
var pageCodec = zstd.Codec{Level: zstd.SpeedFastest}

// WriterOptions says how a table is written.
type WriterOptions struct {
	// RowGroupRows and RowGroupBytes close a row group once it has that many rows, or values of about that many octets,
	// repeated texts counted once where a dictionary holds them. Zero stands for 122,880 rows and 64 MiB.
	RowGroupRows  int64
	RowGroupBytes int64
	// Metadata becomes the file's key-value metadata, sorted by key.
	Metadata map[string]string
}

// Writer writes rows of one shape as a Parquet file: one column per leaf, in declaration order, under first names.
//
// A plain scalar that is zero becomes NULL; a pointer keeps the zero and is NULL when nil. Plain lists and maps are
// empty when absent, plain structs are there with members that are NULL; pointers to either are NULL when nil. Strings
// are UTF-8: each octet that is not becomes U+FFFD. Fields with the option check have no column.
//
// A row is written whole, as a tape, by Write. Or it is put together field by field, in any order, and ended by EndRow:
// of texts, numbers and values by Text, Int and Value, of fragments, values that are taken apart once for many rows, by
// Put, and lists element by element by Add and AddValue; what was not put is absent. Both give the same bytes, which
// depend on rows and options alone. A Writer is for one goroutine.
type Writer struct {
	out      io.Writer
	options  WriterOptions
	footer   *format.FileMetaData
	indexes  []chunkIndex // of all column chunks so far
	root     *place
	columns  []*columnWriter
	filled   []int64 // by field: rows of the row group that have a value, or are known to have none
	shredder shredder
	scratch  pageScratch
	offset   int64
	rows     int64
	group    int64 // counts row groups
	marks    []int64
	held     held
	err      error
}

// held is how much of a row group is held.
type held struct {
	rows   int64
	octets int64 // of values
	marked int64 // of these, how many when the last mark was made
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
	footer, err := emptyFooter(root, options.Metadata)
	if err != nil {
		return nil, fmt.Errorf("write table: %w", err)
	}
	x := &Writer{
		out: w, options: options, footer: footer, root: newPlace(shape.Root, 0, 0), columns: newColumns(shape.Root, nil, 0, 0),
	}
	x.filled = make([]int64, len(x.root.fields))
	x.shredder = shredder{columns: x.columns, out: make([]entries, len(x.columns))}
	x.begin()
	return x, nil
}

// start writes what a file begins with, the first time.
func (w *Writer) start() error {
	if w.offset > 0 {
		return nil
	}
	return w.write([]byte(magic))
}

// begin starts a row group.
func (w *Writer) begin() {
	w.group++
	w.held = held{}
	w.marks = w.marks[:0]
	clear(w.filled)
	for _, c := range w.columns {
		c.reset()
	}
	w.mark()
}

// Write appends one row, a tape of the shape that is not null. Nothing of it is kept. After an error the writer is of no use.
func (w *Writer) Write(row []byte) error {
	if w.err != nil {
		return w.err
	}
	if len(row) == 0 || row[0] != tape.Present {
		return w.fail(errors.New("row is null"))
	}
	c := &tape.Cursor{Rest: row[1:]}
	for field := c.Byte(); field != tape.End; field = c.Byte() {
		p := w.root.fields[field-1]
		w.shredder.field(c, p, 0, 0)
		w.catchUp(int(field))
		w.take(p)
	}
	return w.EndRow()
}

// take moves what the shredder has of a field to its columns.
func (w *Writer) take(p *place) {
	for i := p.first; i < p.last; i++ {
		c, e := w.columns[i], &w.shredder.out[i]
		w.held.octets += c.append(e)
		e.reset()
	}
}

// catchUp makes a field absent in the rows that passed since it had a value, and counts the row in hand.
func (w *Writer) catchUp(field int) {
	if missing := w.held.rows - w.filled[field-1]; missing > 0 {
		w.absent(field, int(missing))
	}
	w.filled[field-1] = w.held.rows + 1
}

func (w *Writer) absent(field, rows int) {
	p := w.root.fields[field-1]
	for i := p.first; i < p.last; i++ {
		w.columns[i].absent(rows)
	}
}

// Text puts a text that is not empty as the value of its field, a plain string.
func (w *Writer) Text(field int, text []byte) {
	w.catchUp(field)
	c := w.columns[w.root.fields[field-1].first]
	c.definitions = append(grow.Room(c.definitions, 1), 1)
	w.held.octets += entrySize + c.text(text)
}

// Int puts a number as the value of its field, a pointer, or one that is not zero.
func (w *Writer) Int(field int, n int64) {
	w.catchUp(field)
	c := w.columns[w.root.fields[field-1].first]
	c.definitions = append(grow.Room(c.definitions, 1), 1)
	c.numbers = append(grow.Room(c.numbers, 1), n)
	w.held.octets += entrySize
}

// EndRow ends the row in hand.
func (w *Writer) EndRow() error {
	if w.err != nil {
		return w.err
	}
	w.rows++
	w.held.rows++
	if w.held.rows >= w.options.RowGroupRows || w.held.octets >= w.options.RowGroupBytes {
		return w.closeGroup()
	}
	if w.held.rows%markRows == 0 || w.held.octets-w.held.marked >= pageBytes {
		w.mark()
	}
	return nil
}

// EndGroup ends the row group, if it has rows: before and after a large row, which then is held without others.
func (w *Writer) EndGroup() error {
	if w.err != nil {
		return w.err
	}
	return w.closeGroup()
}

// mark notes where the next row begins in every column.
func (w *Writer) mark() {
	for field := range w.filled {
		w.catchUp(field + 1)
		w.filled[field]--
	}
	for _, c := range w.columns {
		c.mark()
	}
	w.marks = append(w.marks, w.held.rows)
	w.held.marked = w.held.octets
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
	if err := w.writeFooter(); err != nil {
		return w.fail(err)
	}
	w.err = errors.New("write table: already closed")
	return nil
}

// write passes octets on.
func (w *Writer) write(p []byte) error {
	n, err := w.out.Write(p)
	w.offset += int64(n)
	if err != nil {
		return w.fail(err)
	}
	return nil
}

func (w *Writer) fail(err error) error {
	w.err = fmt.Errorf("write table after row %d: %w", w.rows, err)
	return w.err
}
