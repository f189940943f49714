package record

import (
	"fmt"
	"math"
	"slices"

	"github.com/dice-engine/dice/internal/tape"
)

// source is one record that each row may hold: the row itself in the notebook's layout, data.<name> in the raw one.
type source struct {
	constant     string // protocol where the column says nothing: of the path, or the name
	constantWant int
	nobody       bool // its records are nobody's
	group        *cursor
	groupDef     uint8 // level at which the record is there; group is nil where it always is
	required     bool  // the group cannot be null, so a record without protocol and status is none

	protocol, status, port, time *cursor

	noTime    error   // what is wrong with records that have a time, where its column cannot hold one
	wrongTime *cursor // that column; nil: nothing tells which records those are

	text   *cursor  // the result as JSON text
	trees  []*bound // by want; nil: every result is null
	faults []error  // by want: why its columns cannot be read
	emit   emitter

	tape         []byte
	lastProtocol []byte
	lastWant     int
	lastTime     []byte
	lastMicros   int64
	lastTimed    bool
}

// envelope returns the cursors that are read for every record.
func (s *source) envelope() []*cursor {
	return slices.DeleteFunc([]*cursor{s.group, s.protocol, s.status, s.port, s.time, s.wrongTime}, func(c *cursor) bool { return c == nil })
}

// results returns the cursors that are read for records of one want.
func (s *source) results(want int) []*cursor {
	var all []*cursor
	if s.text != nil {
		all = append(all, s.text)
	}
	if tree := s.trees[want]; tree != nil {
		all = append(all, tree.leaves...)
	}
	return all
}

// checkCase fails where one of the columns is not there, but one that differs from it by nothing but case: it would be passed
// over, and the scan look like one of hosts without addresses, say.
func checkCase(parent *column, names ...string) error {
	for _, name := range names {
		if other := otherCase(parent, name); other != "" && parent.child(name) == nil {
			return fmt.Errorf("no column %s but %s", (&column{name: name, parent: parent}).path(), other)
		}
	}
	return nil
}

// recordColumns are the columns of a record beside its host's.
var recordColumns = []string{"protocol", "status", "port", "timestamp", "result"}

// optional finds a column of the envelope that is not always null; nil if there is none.
func (b *binder) optional(parent *column, name string) *column {
	if col := parent.child(name); col != nil && col.means != meansNull {
		return col
	}
	return nil
}

// envelopeColumn is the cursor of a column of the envelope, nil if there is none.
func (b *binder) envelopeColumn(parent *column, name string, fits func(*column) bool, need string) (*cursor, error) {
	col := b.optional(parent, name)
	if col == nil {
		return nil, nil
	}
	if col.leaf < 0 || col.repetition == repRepeated || !fits(col) {
		return nil, fmt.Errorf("column %s is %s where %s is needed", col.path(), col.typeName(), need)
	}
	return b.cursorOf(col, true), nil
}

func isNumber(col *column) bool { return isInteger(col) || isFloat(col) }

// isTime leaves out plain numbers: whether they count seconds or something else would be a guess.
func isTime(col *column) bool { return isStamp(col) || isText(col) || isJSON(col) }

// bindSource binds the columns of a record that lie in parent.
func (b *binder) bindSource(parent *column, wants []Want) (s *source, err error) {
	s = &source{lastWant: Other, emit: emitter{limits: b.shop.limits}}
	if s.protocol, err = b.envelopeColumn(parent, "protocol", isText, "a string"); err != nil {
		return nil, err
	}
	if s.status, err = b.envelopeColumn(parent, "status", isText, "a string"); err != nil {
		return nil, err
	}
	if s.port, err = b.envelopeColumn(parent, "port", isNumber, "a port"); err != nil {
		return nil, err
	}
	s.time, s.noTime = b.envelopeColumn(parent, "timestamp", isTime, "a TIMESTAMP, a DATE or an RFC 3339 string")
	if col := parent.child("timestamp"); s.noTime != nil && col.leaf >= 0 && col.repetition != repRepeated {
		s.wrongTime = b.cursorOf(col, true)
	}
	s.trees, s.faults = make([]*bound, len(wants)), make([]error, len(wants))
	result := b.optional(parent, "result")
	switch {
	case result == nil:
	case result.repetition != repRepeated && (isText(result) || isJSON(result)):
		s.text = b.cursorOf(result, true)
	default:
		for i, want := range wants {
			s.trees[i], s.faults[i] = b.field(want.Result.Root, result)
		}
	}
	return s, nil
}

// absent says that the row at hand holds no such record.
func (s *source) absent() bool {
	if s.group != nil && s.group.level() < s.groupDef {
		return true
	}
	return s.required && s.blank(s.protocol) && s.blank(s.status)
}

// blank says that there is no text at hand.
func (s *source) blank(c *cursor) bool { return c == nil || !c.present() || len(c.bytes()) == 0 }

// read reads the record of the row at hand into row.
func (s *source) read(r *parquetReader, row *Row) error {
	s.tape = s.tape[:0]
	s.emit.reset()
	row.Want = s.want(r)
	row.Status = textOf(s.status)
	port, err := portOf(s.port)
	if port != 0 {
		row.Port = port
	}
	row.Time, row.HasTime = s.micros()
	row.Result = nullTape
	switch {
	case row.Want == Other:
		return nil // nobody's record cannot be wrong
	case err != nil:
		return err
	case s.noTime != nil && s.hasWrongTime():
		return s.noTime
	case int64(len(row.Status)) > r.limits.Field:
		return fmt.Errorf("status of %d octets: %w", len(row.Status), ErrLimit)
	}
	return s.readResult(r, row)
}

func (s *source) readResult(r *parquetReader, row *Row) error {
	if err := s.faults[row.Want]; err != nil {
		return err
	}
	if !r.possible(s, row.Want) {
		return fmt.Errorf("protocol %q is outside the bounds that the file gives", clip(r.wants[row.Want].Protocol))
	}
	tree := s.trees[row.Want]
	switch {
	case s.text != nil:
		return s.readText(r, row)
	case tree == nil:
		s.tape = append(s.tape, tape.End)
	default:
		s.tape = s.emit.record(s.tape, tree)
	}
	row.Result, row.Certificates = s.tape, s.emit.certificates
	return s.emit.err
}

// want tells the protocol. Scans name few, and mostly the same one as before.
func (s *source) want(r *parquetReader) int {
	if s.nobody {
		return Other
	}
	name := []byte(nil)
	if s.protocol != nil && s.protocol.present() {
		name = s.protocol.bytes()
	}
	if len(name) == 0 && s.constant != "" {
		return s.constantWant
	}
	if s.lastProtocol == nil || string(name) != string(s.lastProtocol) {
		s.lastProtocol = append(make([]byte, 0, len(name)+1), name...)
		s.lastWant = r.wantOf(name)
	}
	return s.lastWant
}

func (s *source) micros() (int64, bool) {
	if s.time == nil || !s.time.present() {
		return 0, false
	}
	if isStamp(s.time.col) {
		return stamp(s.time)
	}
	text := s.time.bytes()
	if isJSON(s.time.col) {
		text = unquoted(text)
	}
	if s.lastTime == nil || string(text) != string(s.lastTime) {
		s.lastMicros, s.lastTimed = parseTime(text)
		s.lastTime = append(make([]byte, 0, 40), text[:min(len(text), 64)]...)
	}
	return s.lastMicros, s.lastTimed
}

// hasWrongTime says whether the record at hand has a time that cannot be read: null and NaN are none.
func (s *source) hasWrongTime() bool {
	c := s.wrongTime
	return c == nil || c.present() && !(isFloat(c.col) && math.IsNaN(float(c)))
}

// unquoted is what a JSON string without escapes says. No other value is a time without its quotes.
func unquoted(text []byte) []byte {
	if len(text) < 2 || text[0] != '"' || text[len(text)-1] != '"' {
		return nil
	}
	return text[1 : len(text)-1]
}

// portOf reads a port, which tables made by way of floats hold as such. No column, null and NaN are no port.
func portOf(c *cursor) (int64, error) {
	if c == nil || !c.present() {
		return 0, nil
	}
	v := float(c)
	if math.IsNaN(v) {
		return 0, nil
	}
	if v != math.Trunc(v) || v < 0 || v > 65535 {
		return 0, fmt.Errorf("column %s holds %v, which is no port", c.col.path(), v)
	}
	return int64(v), nil
}

// rejected is the text that a rejected record came from, where it is text.
func (s *source) rejected() []byte {
	if s.text == nil || !s.text.present() {
		return nil
	}
	return s.text.bytes()
}
