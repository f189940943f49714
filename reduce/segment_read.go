package reduce

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"

	"github.com/dice-engine/dice/internal/run"
)

// SegmentCertificate is a certificate of a segment.
type SegmentCertificate struct {
	Index  uint32
	Tape   []byte
	Labels []byte

	CertHosts, KeyHosts uint32 // for the reader's caller to fill in
	Note                any    // of the reader's caller
}

// SegmentEntry is a text that records of a segment share.
type SegmentEntry struct {
	Text []byte
	Note any // of the reader's caller
}

// SegmentRecord is a record that was read from a segment. It is valid until the next one is read.
type SegmentRecord struct {
	Record
	Certificates            []*SegmentCertificate
	OfFingerprint, OfLabels *SegmentEntry
}

// SegmentReader reads one lane of a segment.
type SegmentReader struct {
	// OnCertificate, if set, is called for every certificate of the lane before any record with it is returned, in
	// order of their indices, without gaps.
	OnCertificate func(*SegmentCertificate)
	// OnLarge, if set, is called before a block with a record of many megabytes is read, or unpacked. Its error
	// ends the reading.
	OnLarge func() error

	r      io.ReaderAt
	blocks []blockAt
	ahead  []byte // what was fetched last
	at     int64  // where it stands in the segment
	raw    []byte
	rows   int // left in the block

	fingerprints, labels, statuses []*SegmentEntry
	certificates                   []*SegmentCertificate
	certificateBase                uint32 // index of certificates[0]

	columns [columns]fields
	before  before // but for the status
	status  *SegmentEntry
	rec     SegmentRecord
	ip      []byte
}

// OpenSegment opens a lane of a segment of so many octets.
func OpenSegment(r io.ReaderAt, size int64, lane int) (*SegmentReader, error) {
	s := &SegmentReader{r: r}
	index, err := s.readIndex(size)
	if err == nil {
		s.blocks, err = findLane(index, lane, size)
	}
	if err != nil {
		return nil, fmt.Errorf("open segment: %w", err)
	}
	return s, nil
}

// tailBytes is what is read of a segment's end at first: enough for most indexes.
const tailBytes = 64 << 10

func (s *SegmentReader) readIndex(size int64) ([]byte, error) {
	if size < trailerSize {
		return nil, fmt.Errorf("%d octets: %w", size, run.ErrCorrupt)
	}
	tail := make([]byte, min(size, tailBytes))
	if err := readAt(s.r, tail, size-int64(len(tail))); err != nil {
		return nil, err
	}
	trailer := tail[len(tail)-trailerSize:]
	offset, length := binary.BigEndian.Uint64(trailer), uint64(binary.BigEndian.Uint32(trailer[8:]))
	if string(trailer[12:]) != trailerMagic || length > min(maxIndex, uint64(size-trailerSize)) || offset+length != uint64(size-trailerSize) {
		return nil, fmt.Errorf("trailer: %w", run.ErrCorrupt)
	}
	packed := tail[:len(tail)-trailerSize]
	if uint64(len(packed)) < length {
		packed = make([]byte, length)
		if err := readAt(s.r, packed, int64(offset)); err != nil {
			return nil, err
		}
	}
	return run.Unpack(nil, packed[uint64(len(packed))-length:], maxIndex)
}

func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// findLane returns the blocks of a lane.
func findLane(index []byte, lane int, size int64) ([]blockAt, error) {
	f := fields{rest: index}
	for ; ; lane-- {
		n := f.uvarint()
		f.uvarint()
		f.uvarint()
		if f.bad || n > uint64(len(f.rest)) {
			return nil, fmt.Errorf("index: %w", run.ErrCorrupt)
		}
		blocks := make([]blockAt, n)
		end := uint64(0)
		for i := range blocks {
			offset, length := f.uvarint(), f.uvarint()
			if offset < end || length > uint64(size) || offset > uint64(size)-length {
				return nil, fmt.Errorf("index: %w", run.ErrCorrupt)
			}
			end = offset + length
			blocks[i] = blockAt{int64(offset), int64(length)}
		}
		if f.bad {
			return nil, fmt.Errorf("index: %w", run.ErrCorrupt)
		}
		if lane == 0 {
			return blocks, nil
		}
	}
}

// Next returns the next record, or io.EOF. After the last one all certificates have been told of.
func (s *SegmentReader) Next() (*SegmentRecord, error) {
	for s.rows == 0 {
		if len(s.blocks) == 0 {
			return nil, io.EOF
		}
		if err := s.load(); err != nil {
			return nil, fmt.Errorf("read segment: %w", err)
		}
	}
	s.rows--
	if err := s.record(); err != nil {
		return nil, fmt.Errorf("read segment: %w", err)
	}
	return &s.rec, nil
}

const (
	maxAhead = 4 << 20   // fetched at a time; a larger block is fetched by itself
	maxGap   = 512 << 10 // other lanes' blocks in between: sooner read than asked for anew
)

// fetch returns the next block as stored, reading those that follow closely along with it.
func (s *SegmentReader) fetch() ([]byte, error) {
	next := s.blocks[0]
	if err := s.announce(next.length); err != nil {
		return nil, err
	}
	if next.offset < s.at || next.end() > s.at+int64(len(s.ahead)) {
		s.at = next.offset
		n := reach(s.blocks) - s.at
		if int64(cap(s.ahead)) < n || cap(s.ahead) > maxAhead {
			s.ahead = make([]byte, n)
		}
		s.ahead = s.ahead[:n]
		if err := readAt(s.r, s.ahead, s.at); err != nil {
			s.ahead = nil
			return nil, err
		}
	}
	s.blocks = s.blocks[1:]
	return s.ahead[next.offset-s.at : next.end()-s.at], nil
}

// announce tells of a block of so many octets, stored or not.
func (s *SegmentReader) announce(octets int64) error {
	if octets > largeBlock && s.OnLarge != nil {
		return s.OnLarge()
	}
	return nil
}

// reach tells how far to read at once.
func reach(blocks []blockAt) int64 {
	end := blocks[0].end()
	for _, b := range blocks[1:] {
		if b.offset > end+maxGap || b.end() > blocks[0].offset+maxAhead {
			break
		}
		end = b.end()
	}
	return end
}

// load unpacks the next block.
func (s *SegmentReader) load() error {
	block, err := s.fetch()
	if err != nil {
		return err
	}
	if err := s.announce(run.RawSize(block)); err != nil {
		return err
	}
	s.raw, err = run.Unpack(shrink(s.raw), block, maxBlock)
	if cap(s.ahead) > maxAhead {
		s.ahead = nil
	}
	if err != nil {
		return err
	}
	f := fields{rest: s.raw}
	if flags := f.uvarint(); flags&flagReset != 0 {
		s.fingerprints, s.labels, s.statuses = nil, nil, nil
		s.certificateBase += uint32(len(s.certificates))
		s.certificates = nil
	}
	rows := f.uvarint()
	entries := fields{rest: f.bytes()}
	if cap(s.raw) <= largeBuffer || len(entries.rest) < len(s.raw)/2 { // else the block is not used again, and is mostly theirs
		entries.rest = slices.Clone(entries.rest) // they stay in use for the whole epoch
	}
	s.enter(&entries)
	for i := range s.columns {
		s.columns[i] = fields{rest: f.bytes()}
	}
	if f.bad || entries.bad || rows > blockRows {
		return fmt.Errorf("block: %w", run.ErrCorrupt)
	}
	s.rows = int(rows)
	s.before, s.status = before{}, nil
	return nil
}

// enter reads what a block adds to the dictionaries.
func (s *SegmentReader) enter(f *fields) {
	for _, d := range []*[]*SegmentEntry{&s.fingerprints, &s.labels, &s.statuses} {
		for n := f.uvarint(); n > 0 && !f.bad; n-- {
			*d = append(*d, &SegmentEntry{Text: f.bytes()})
		}
	}
	for n := f.uvarint(); n > 0 && !f.bad; n-- {
		c := &SegmentCertificate{
			Index: s.certificateBase + uint32(len(s.certificates)), Tape: f.bytes(), Labels: f.bytes(),
		}
		s.certificates = append(s.certificates, c)
		if s.OnCertificate != nil {
			s.OnCertificate(c)
		}
	}
}

// record takes one value of every column.
func (s *SegmentReader) record() error {
	c, r, b := &s.columns, &s.rec, &s.before
	has := byte(0)
	if octet := c[columnHas].take(1); octet != nil {
		has = octet[0]
	}
	b.row += c[columnRow].varint()
	b.ordinal += uint32(c[columnOrdinal].uvarint())
	if has&hasSlice != 0 {
		b.slice = uint32(c[columnSlice].uvarint())
	}
	if has&hasPort != 0 {
		b.port = int64(c[columnPort].uvarint())
	}
	r.Slice, r.Row, r.Member, r.Ordinal, r.Port = b.slice, b.row, 0, b.ordinal, b.port
	if has&hasMember != 0 {
		r.Member = uint32(c[columnMember].uvarint())
	}
	r.HasTime, r.Time = has&hasTime != 0, 0
	if r.HasTime {
		b.time += c[columnTime].varint()
		r.Time = b.time
	}
	if has&hasStatus != 0 || s.status == nil {
		s.status = c[columnStatus].entry(s.statuses)
	}
	r.Status = s.status.Text
	r.OfFingerprint, r.OfLabels = c[columnFingerprint].entry(s.fingerprints), c[columnLabels].entry(s.labels)
	r.Fingerprint, r.Labels = r.OfFingerprint.Text, r.OfLabels.Text
	s.host(has)
	s.held(has)
	for i := range c {
		if c[i].bad {
			return fmt.Errorf("column %d: %w", i, run.ErrCorrupt)
		}
	}
	return nil
}

// held resolves the record's certificates.
func (s *SegmentReader) held(has byte) {
	f := &s.columns[columnCertificates]
	s.rec.Certificates = s.rec.Certificates[:0]
	if has&hasCertificates == 0 {
		return
	}
	for n := f.uvarint(); n > 0 && !f.bad; n-- {
		at := f.uvarint() - uint64(s.certificateBase)
		if at >= uint64(len(s.certificates)) {
			f.bad = true
			return
		}
		s.rec.Certificates = append(s.rec.Certificates, s.certificates[at])
	}
}

// host takes the record's address, as text, and its domain.
func (s *SegmentReader) host(has byte) {
	r := &s.rec
	if r.Domain = nil; has&hasDomain != 0 {
		r.Domain = s.columns[columnDomain].bytes()
	}
	if r.IP = nil; has&hasText != 0 {
		r.IP = s.columns[columnIP].bytes()
	} else if four := s.columns[columnIP].take(4); four != nil {
		s.ip = netip.AddrFrom4([4]byte(four)).AppendTo(s.ip[:0])
		r.IP = s.ip
	}
}

// fields takes values from the front of some octets. Where they end early it is bad from then on and gives zeros.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) uvarint() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.rest, f.bad = nil, true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) varint() int64 {
	v, n := binary.Varint(f.rest)
	if n <= 0 {
		f.rest, f.bad = nil, true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

// take takes n octets; nil if there are fewer.
func (f *fields) take(n uint64) []byte {
	if n > uint64(len(f.rest)) {
		f.rest, f.bad = nil, true
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) bytes() []byte { return f.take(f.uvarint()) }

// entry takes the number of an entry of a dictionary.
func (f *fields) entry(d []*SegmentEntry) *SegmentEntry {
	code := f.uvarint()
	if code >= uint64(len(d)) {
		f.bad = true
		return &SegmentEntry{}
	}
	return d[code]
}
