// Package record reads scan records out of objects, and writes tables.
//
// A scan is Parquet or JSON lines, written by several tools in several layouts. [Open] finds out which, and yields the
// records of one slice of an object, each with its result as a tape (see internal/tape) of the shape that its
// protocol asked for. Members and columns that nobody asked for are not read. [Writer] goes the other way: tapes of one
// shape become a Parquet file.
package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/shard"
)

// Object is what a reader needs of an object in a store.
type Object struct {
	Name string // as given by the user, for format detection (.parquet, .gz, .zst; else by its first octets) and errors
	Size int64
	io.ReaderAt
	Text bool // it holds lines, whatever its name says: it was unpacked

	// OnLarge, if set, is called before a row that may have more than LargeRow octets is read. It may block. Its error ends
	// the reading.
	OnLarge func() error
}

// Slice is a part of an object: the Parquet row groups, or the lines, whose first byte lies in [From, To). In a
// compressed object of several members or frames a line belongs to the member that holds the line feed before it (the
// first line to the first member).
type Slice struct{ From, To int64 }

// LargeRow is a size of a row of which few copies fit into a process's memory.
const LargeRow = 8 << 20

// Want is a protocol whose records are to be read.
type Want struct {
	Protocol string
	Result   *tape.Shape
}

// Other is the Want of records of protocols that nobody wants.
const Other = -1

// Row is one record. Its slices are valid until the next call of Next.
type Row struct {
	Want         int    // which of the wants it belongs to, or Other
	Row          int64  // physical row or line in the slice, from 1
	Member       int    // place among the records of that row, from 0
	IP           []byte // as given; empty where there is none
	Domain       []byte
	Port         int64 // 0: none
	Status       []byte
	Time         int64  // microseconds since 1970
	HasTime      bool   // false: there is none, or none that can be read
	Error        []byte // what the scanner says went wrong; only of JSON lines
	Result       []byte
	Certificates [][]byte // the texts that tape.Cert ordinals in Result count (first one: 1)
}

// Reader yields the records of a slice in order.
type Reader interface {
	// Next returns the next record. A *RowError rejects what it names, and reading goes on with the next call. io.EOF
	// ends the slice; any other error is not the data's fault (the store's, say) and ends the reading.
	Next() (*Row, error)
	// Counts is complete once Next has returned io.EOF.
	Counts() Counts
	// At tells where reading stands: the row group of the file, from 1 (0 where there are none), and the row of the
	// slice. Like everything else it is not for another goroutine.
	At() (group, row int64)
	Close() error
}

// Counts accounts for the physical rows or lines of a slice: Lines = WithRecords + Empty + Rejected.
type Counts struct {
	Lines       int64 `json:"lines"`
	WithRecords int64 `json:"with_records"` // rows that held at least one record, be it rejected or nobody's
	Empty       int64 `json:"empty"`        // blank lines, and rows without data
	Rejected    int64 `json:"rejected"`     // rows that could not be read at all
	Bytes       int64 `json:"bytes"`        // fetched from the object

	// Start and End are the offsets of the first compressed member read and of the end of the last one; zero for
	// objects that are not compressed. Slices of one object that fit together are the proof that cutting lost nothing.
	Start int64 `json:"start,omitempty"`
	End   int64 `json:"end,omitempty"`
}

// RowError rejects a row, or one record of a row, or (Rows > 1) a run of rows that share a fault.
type RowError struct {
	Object  string
	Row     int64  // first row concerned, in the slice, from 1; 0: the object as a whole
	Rows    int64  // how many physical rows are lost by it; 0: only the record
	Member  int    // of a record; -1: not a matter of one record
	Want    int    // of a record whose protocol is known, else Other
	IP      []byte // of a record, as given; valid until the next call of Next
	Content []byte
	Err     error
}

func (e *RowError) Error() string {
	if e.Row == 0 {
		return fmt.Sprintf("read %s: %v", e.Object, e.Err)
	}
	return fmt.Sprintf("read %s row %d: %v", e.Object, e.Row, e.Err)
}

func (e *RowError) Unwrap() error { return e.Err }

// Limits reject what is too large. They are part of a plan, so that every machine rejects the same.
type Limits = shard.Limits

// DefaultLimits are those of every plan.
var DefaultLimits = shard.DefaultLimits

// ErrLimit is in the chain of every error that rejects something for its size.
var ErrLimit = errors.New("over the limit")
