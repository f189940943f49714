package record

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
)

// textStream is the text of a slice, from its beginning to somewhere behind the end of its last line.
type textStream interface {
	io.Reader
	// last is the offset in the text up to which a line that belongs to the slice may start. It need not be known
	// before the text behind it has been read.
	last() int64
	// span gives the compressed members of the slice, see Counts.
	span() (start, end int64)
	// prove looks at what follows the slice, once all of it is read. Its error says that this is damaged where the slice
	// behind does not notice.
	prove() error
	// failure is what went wrong in the store, nil if nothing did.
	failure() error
	fetchedOctets() int64
	close()
}

// plainStream is the text of an object that is not compressed. It begins with the octet before the slice, which tells
// whether a line starts with it.
type plainStream struct {
	*chunks
	to int64 // end of the slice, in the text
}

func (s plainStream) last() int64          { return s.to - 1 }
func (plainStream) span() (int64, int64)   { return 0, 0 }
func (plainStream) prove() error           { return nil }
func (s plainStream) failure() error       { return s.err }
func (s plainStream) fetchedOctets() int64 { return s.fetched }

// lineReader reads the records of JSON lines.
type lineReader struct {
	object  string
	limits  Limits
	text    textStream // nil: the slice has none
	split   *splitter
	parser  *jsonParser
	parse   func(line []byte) error
	atStart bool // of the object: a byte order mark may follow
	counts  Counts
	row     Row
	line    []byte
	next    int // of the parser's responses
	pending []*RowError
	done    bool
	err     error
}

// openLines reads lines of a format with parse, which leaves their records in the parser.
func openLines(ctx context.Context, obj Object, s Slice, f objectFormat, lim Limits, p *jsonParser, parse func([]byte) error) (Reader, error) {
	r := &lineReader{object: obj.Name, limits: lim, parser: p, parse: parse, atStart: s.From <= 0}
	if s.From = max(s.From, 0); s.From >= min(s.To, obj.Size) {
		r.done = true
		return r, nil
	}
	switch f {
	case plainLines:
		from := max(s.From-1, 0)
		r.text = plainStream{newChunks(ctx, obj, from, s.To), s.To - from}
	default:
		members, searched, err := openMembers(ctx, obj, s, f)
		r.counts.Bytes = searched
		if err != nil {
			return nil, err
		}
		if members == nil {
			r.done = true
			return r, nil
		}
		r.text = members
	}
	r.split = newSplitter(r.text, lim, obj.OnLarge)
	if s.From > 0 {
		if err := r.split.skip(r.text.last); err != nil {
			r.stop(nil, err)
		}
	}
	return r, nil
}

// Next returns the next record.
func (r *lineReader) Next() (*Row, error) {
	for {
		switch {
		case len(r.pending) > 0:
			reject := r.pending[0]
			r.pending = r.pending[1:]
			return nil, reject
		case r.next < len(r.parser.responses):
			return r.record()
		case r.err != nil:
			return nil, r.err
		case r.done:
			return nil, io.EOF
		}
		r.readLine()
	}
}

// record hands out the next record of the line at hand.
func (r *lineReader) record() (*Row, error) {
	i := r.next
	r.next++
	response := &r.parser.responses[i]
	if response.err != nil {
		reject := r.reject(r.line, response.err)
		reject.Rows, reject.Member, reject.Want, reject.IP = 0, i, response.want, r.parser.ip
		return nil, reject
	}
	r.row = Row{Row: r.counts.Lines, IP: r.parser.ip, Domain: r.parser.domain, Port: r.parser.port}
	r.parser.fill(&r.row, i)
	return &r.row, nil
}

// readLine reads one line into the parser's responses, or ends the reading.
func (r *lineReader) readLine() {
	r.parser.clear() // the next line may need the room
	r.next, r.line, r.row = 0, nil, Row{}
	if r.split.offset > r.text.last() {
		r.done = true
		if err := r.text.prove(); err != nil {
			r.stop(nil, err)
		}
		return
	}
	line, long, err := r.split.next()
	if r.atStart {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		r.atStart = false
	}
	switch {
	case long:
		r.counts.Lines++
		r.lose(line, fmt.Errorf("line %w of %d octets", ErrLimit, r.limits.Line))
		line = nil
	case err == nil || errors.Is(err, io.EOF) && len(line) > 0:
		r.counts.Lines++
		r.take(line)
	}
	if err != nil {
		r.stop(line, err)
	}
}

// take parses a whole line.
func (r *lineReader) take(line []byte) {
	r.line = line
	if len(bytes.TrimLeft(line, " \t\r")) == 0 {
		r.counts.Empty++
		return
	}
	if err := r.parse(line); err != nil {
		r.parser.responses = r.parser.responses[:0]
		r.lose(line, err)
		return
	}
	if len(r.parser.responses) == 0 {
		r.counts.Empty++
		return
	}
	r.counts.WithRecords++
}

// stop ends the reading at the end of the text or at an error, with what there was of a last line.
func (r *lineReader) stop(line []byte, err error) {
	r.done = true
	if failure := cmp.Or(r.text.failure(), r.split.refused); failure != nil {
		r.err = failure
		return
	}
	if errors.Is(err, io.EOF) {
		return
	}
	if len(line) > 0 {
		r.counts.Lines++
		r.lose(line, errors.New("line is cut off"))
	}
	reject := r.reject(nil, fmt.Errorf("object is cut off or damaged: %w", err))
	reject.Row, reject.Rows = r.counts.Lines+1, 0
	r.pending = append(r.pending, reject)
}

// lose rejects the line that was counted last.
func (r *lineReader) lose(line []byte, err error) {
	r.counts.Rejected++
	r.pending = append(r.pending, r.reject(line, err))
}

func (r *lineReader) reject(line []byte, err error) *RowError {
	content := bytes.Clone(line[:min(len(line), max(r.limits.Content, 0))])
	return &RowError{Object: r.object, Row: r.counts.Lines, Rows: 1, Member: -1, Want: Other, Content: content, Err: err}
}

// Counts tells what has been read so far.
func (r *lineReader) Counts() Counts {
	counts := r.counts
	if r.text != nil {
		counts.Bytes += r.text.fetchedOctets()
		counts.Start, counts.End = r.text.span()
	}
	return counts
}

// At implements Reader.
func (r *lineReader) At() (group, row int64) { return 0, r.counts.Lines }

// Close waits for what is being fetched.
func (r *lineReader) Close() error {
	if r.text != nil {
		r.text.close()
	}
	return nil
}
