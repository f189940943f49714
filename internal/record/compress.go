package record

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
)

// member decompresses the members of one format, one after the other.
type member interface {
	// pass passes over what may stand between members.
	pass(in *bufio.Reader) error
	// next starts on the member at hand.
	next(in *bufio.Reader) error
	// Read reads the member's text; io.EOF is its end.
	io.Reader
	// checked says that all members so far had a checksum.
	checked() bool
	close()
}

func newMember(f objectFormat) member {
	if f == gzipLines {
		return &gzipMember{}
	}
	return newZstdMember()
}

// memberStream is the text of the compressed members that start in a slice, and of those behind it as far as it is read.
type memberStream struct {
	*chunks
	counted  *countingReader
	in       *bufio.Reader
	member   member
	base     int64 // offset in the object where reading began
	to       int64
	inside   bool  // a member
	ended    int64 // offset in the object where the first member ended, once known
	produced int64
	boundary int64 // offset in the text where the first member behind the slice begins, once known
	end      int64
	proved   bool  // that member was read as far as proveMember reads one
	err      error // of the last reading
}

// countingReader counts what is read.
type countingReader struct {
	from io.Reader
	n    int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// newMembers reads members from offset from on, where one starts; those before to belong to the slice.
func newMembers(ctx context.Context, obj Object, from, to int64, f objectFormat) *memberStream {
	c := newChunks(ctx, obj, from, to)
	counted := &countingReader{from: c}
	return &memberStream{
		chunks: c, counted: counted, in: bufio.NewReaderSize(counted, 64<<10), member: newMember(f),
		base: from, to: to, boundary: math.MaxInt64,
	}
}

// openMembers finds the first member of a slice and starts to read there. Where there is none it returns nil. searched is
// what it fetched for the search.
func openMembers(ctx context.Context, obj Object, s Slice, f objectFormat) (m *memberStream, searched int64, err error) {
	at := int64(0)
	if s.From > 0 {
		at, searched, err = findMember(ctx, obj, s, f)
		if at < 0 || err != nil {
			return nil, searched, err
		}
	}
	return newMembers(ctx, obj, at, s.To, f), searched, nil
}

// Read reads on. An error that is neither io.EOF nor failure is the data's.
func (m *memberStream) Read(p []byte) (n int, err error) {
	if m.err == nil {
		n, m.err = m.read(p)
	}
	return n, m.err
}

func (m *memberStream) read(p []byte) (int, error) {
	for {
		if !m.inside {
			if err := m.enter(); err != nil {
				return 0, err
			}
		}
		n, err := m.member.Read(p)
		m.produced += int64(n)
		m.proved = m.proved || m.boundary < math.MaxInt64 && (errors.Is(err, io.EOF) || m.produced-m.boundary >= proofOctets)
		if errors.Is(err, io.EOF) {
			m.inside, err = false, nil
			if m.ended == 0 {
				m.ended = m.position()
			}
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// enter goes on to the next member.
func (m *memberStream) enter() error {
	if err := m.member.pass(m.in); err != nil {
		return err
	}
	if _, err := m.in.Peek(1); err != nil {
		if errors.Is(err, io.EOF) {
			m.leave()
		}
		return err
	}
	if m.position() >= m.to {
		m.leave()
	}
	m.inside = true
	return m.member.next(m.in)
}

// leave notes where the slice's members end, the first time that a member behind them or the end is met.
func (m *memberStream) leave() {
	if m.boundary == math.MaxInt64 {
		m.boundary, m.end = m.produced, m.position()
	}
}

// prove reads the first member behind the slice as far as the slice that has it will, when it looks for members there. What
// does not stand this proof is found by nobody: its error says what is lost.
func (m *memberStream) prove() error {
	scrap := make([]byte, 8<<10)
	for !m.proved {
		if _, err := m.Read(scrap); err != nil && !m.proved {
			if errors.Is(err, io.EOF) || m.cutOff(err) {
				return nil
			}
			return err
		}
	}
	return nil
}

// cutOff says whether an error means that the object ends inside a member. That one is read as far as it goes.
func (m *memberStream) cutOff(err error) bool {
	return errors.Is(err, io.ErrUnexpectedEOF) && m.base+m.counted.n == m.obj.Size
}

// position is the offset in the object of the next octet to decompress.
func (m *memberStream) position() int64 { return m.base + m.counted.n - int64(m.in.Buffered()) }

func (m *memberStream) last() int64          { return m.boundary }
func (m *memberStream) span() (int64, int64) { return m.base, m.end }
func (m *memberStream) failure() error       { return m.chunks.err }
func (m *memberStream) fetchedOctets() int64 { return m.fetched }

func (m *memberStream) close() {
	m.chunks.close()
	m.member.close()
}
