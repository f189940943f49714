package record

import (
	"bytes"
	"io"
	"math"
)

const splitOctets = 256 << 10

// splitter cuts a stream into lines at LF. No more than a line of the limit's size is held in memory.
type splitter struct {
	from       io.Reader
	limit      int64
	keep       int // octets of a line over the limit that are kept
	buffer     []byte
	start, end int   // of what is read and not yet handed out
	offset     int64 // of start in the stream
	err        error
	refused    error        // by onLarge
	onLarge    func() error // called before more than LargeRow octets of a line are held; nil: nobody
}

func newSplitter(from io.Reader, limits Limits, onLarge func() error) *splitter {
	return &splitter{from: from, limit: limits.Line, keep: limits.Content, buffer: make([]byte, splitOctets), onLarge: onLarge}
}

// next returns the next line without its LF; it is valid until the next call. Of a line over the limit, which long
// tells, it returns the beginning. At the end of the stream or after an error it returns that, with what there is of a
// last line: the line is complete if the error is io.EOF.
func (s *splitter) next() (line []byte, long bool, err error) {
	s.shrink()
	for seen := 0; ; {
		if i := bytes.IndexByte(s.buffer[s.start+seen:s.end], '\n'); i >= 0 {
			line = s.buffer[s.start : s.start+seen+i]
			s.advance(len(line) + 1)
			return line, int64(len(line)) > s.limit, nil
		}
		seen = s.end - s.start
		if int64(seen) > s.limit {
			line = bytes.Clone(s.buffer[s.start:min(s.end, s.start+s.keep)])
			return line, true, s.skip(unbounded)
		}
		if s.err != nil {
			line = s.buffer[s.start:s.end]
			s.advance(len(line))
			return line, false, s.err
		}
		s.read()
	}
}

// unbounded is the bound of what has to be passed over however long it is.
func unbounded() int64 { return math.MaxInt64 }

// skip passes over everything through the next LF, but not much further than a bound.
func (s *splitter) skip(bound func() int64) error {
	for s.offset <= bound() {
		if i := bytes.IndexByte(s.buffer[s.start:s.end], '\n'); i >= 0 {
			s.advance(i + 1)
			return nil
		}
		s.advance(s.end - s.start)
		if s.err != nil {
			return s.err
		}
		s.read()
	}
	return nil
}

func (s *splitter) advance(n int) {
	s.start += n
	s.offset += int64(n)
}

// read reads on behind end, after making room.
func (s *splitter) read() {
	if s.start > 0 {
		s.end = copy(s.buffer, s.buffer[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buffer) {
		if s.end >= LargeRow && s.onLarge != nil {
			if s.refused = s.onLarge(); s.refused != nil {
				s.err = s.refused
				return
			}
		}
		larger := make([]byte, min(2*int64(len(s.buffer)), max(s.limit+1, int64(s.end)+1)))
		copy(larger, s.buffer)
		s.buffer = larger
	}
	for empty := 0; empty < 100; empty++ {
		n, err := s.from.Read(s.buffer[s.end:])
		s.end += n
		if s.err = err; n > 0 || err != nil {
			return
		}
	}
	s.err = io.ErrNoProgress
}

// shrink gives back the room that a very long line took.
func (s *splitter) shrink() {
	if len(s.buffer) > retained && s.end-s.start <= splitOctets {
		smaller := make([]byte, splitOctets)
		s.end = copy(smaller, s.buffer[s.start:s.end])
		s.start, s.buffer = 0, smaller
	}
}
