package record

import (
	"errors"
	"fmt"

	"github.com/dice-engine/dice/internal/tape"
)

// readText reads a result that is JSON text.
func (s *source) readText(r *parquetReader, row *Row) (err error) {
	row.Result = nullTape
	if !s.text.present() {
		return nil
	}
	content := s.text.bytes()
	if int64(len(content)) > r.limits.Line {
		return tooLong("result", content, r.limits.Line)
	}
	parser := r.parser
	if s.tape, err = parser.parseResult(s.tape, r.wants[row.Want].Result, content); err != nil {
		return err
	}
	for _, certificate := range parser.certificates {
		s.emit.keepCertificate(certificate)
	}
	row.Result, row.Certificates = s.tape, s.emit.certificates
	return nil
}

// readData reads all records of a row whose data is JSON text.
func (r *parquetReader) readData(top host) {
	if !r.data.present() {
		return
	}
	content := r.data.bytes()
	if int64(len(content)) > r.limits.Line {
		r.refuse(content, tooLong("data", content, r.limits.Line))
		return
	}
	parser := r.parser
	if err := parser.parseData(content); err != nil {
		r.refuse(content, err)
		return
	}
	port, portErr := portOf(r.port)
	for i := range parser.responses {
		o := r.enqueue(top, port)
		parser.fill(&o.row, i)
		err := parser.responses[i].err
		if err == nil && o.row.Want != Other {
			err = portErr
		}
		if err != nil {
			r.reject(o, err, content)
		}
	}
}

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

func tooLong(what string, content []byte, limit int64) error {
	return fmt.Errorf("%s of %d octets, at most %d: %w", what, len(content), limit, ErrLimit)
}

// keepCertificate copies the text of a certificate that is known to be new.
func (e *emitter) keepCertificate(text []byte) {
	start := len(e.arena)
	e.arena = append(e.arena, text...)
	e.certificates = append(e.certificates, e.arena[start:len(e.arena):len(e.arena)])
}

// spelling is what an emitter needs to read values that columns hold as JSON text. It is made at the first of them.
type spelling struct {
	parser *jsonParser
	tape   []byte
	places []int64 // in the record, of the certificates that one text mentions
}

// spelled appends a value that the leaf at hand holds as JSON text: a struct, list or map of tables whose schema does not know
// the members, or anything in a column of JSON. It reads like the same value in a scan that is JSON: a text that spells another value does not fit.
func (e *emitter) spelled(dst []byte, b *bound, leaf *cursor) ([]byte, bool) {
	s, text := &e.texts, leaf.bytes()
	if int64(len(text)) > e.limits.Line {
		e.fail(tooLong("column "+leaf.col.path(), text, e.limits.Line))
		return dst, false
	}
	if s.parser == nil {
		s.parser = newJSONParser(nil, e.limits)
	}
	var err error
	if s.tape, err = s.parser.parseResult(s.tape[:0], b.spelled, text); err != nil {
		if !b.node.Lenient || errors.Is(err, ErrLimit) {
			e.fail(columnError(leaf.col, err))
		}
		return dst, false
	}
	if e.elements += s.parser.elements; e.elements > e.limits.Elements {
		e.tooLarge("elements", int64(e.elements), int64(e.limits.Elements))
	}
	if s.tape[0] == tape.End {
		return dst, false
	}
	s.places = s.places[:0]
	for _, certificate := range s.parser.certificates {
		s.places = append(s.places, e.ordinal(certificate))
	}
	mark := len(dst)
	dst = tape.Renumber(b.spelled, dst, s.tape, s.places)
	return append(dst[:mark], dst[mark+1:]...), true // a member has no mark of its own
}
