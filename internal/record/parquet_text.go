package record

import (
	"errors"

	"github.com/dice-engine/dice/internal/tape"
)

// nullTape is the tape of a result that is null or missing.
var nullTape = []byte{tape.End}

var errText = errors.New("column holds JSON text, which this version does not read")

// textRecords stands where JSON text will be read.
type textRecords struct{}

func newTextRecords([]Want, Limits) *textRecords { return &textRecords{} }

func (s *source) readText(*parquetReader, *Row) error { return errText }

func (r *parquetReader) readData(*Row) { r.refuse(r.data.bytes(), errText) }

// refuse rejects the row at hand as a whole.
func (r *parquetReader) refuse(content []byte, err error) {
	r.rowLost = true
	r.queue = append(r.queue, outcome{err: &RowError{
		Object: r.object, Row: r.row, Rows: 1, Member: -1, Want: Other, Content: r.excerpt(content), Err: err,
	}})
}

// excerpt copies the beginning of what is rejected.
func (r *parquetReader) excerpt(content []byte) []byte {
	return append([]byte(nil), content[:min(len(content), max(r.limits.Content, 0))]...)
}
