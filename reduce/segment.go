package reduce

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"runtime"

	"github.com/dice-engine/dice/internal/run"
)

// Layout of a segment:
//
//	segment  block* index trailer
//	trailer  u64 offset of the index, u32 its length, "DSEG"
//	index    packed: per lane: varint blocks, records, certificates; (varint offset, length)*
//	block    packed: varint flags, rows; entries (new fingerprints, label sets, statuses, certificates); columns
//
// A lane holds the records of one protocol. Its blocks refer to fingerprints, label sets and statuses by their places
// among those entered since the last block with the flag reset, and to certificates by their places in the whole lane.
// "Packed" is the form of run.Pack: compressed, with a checksum.
const (
	flagReset = 1

	trailerSize  = 16
	trailerMagic = "DSEG"

	blockRows  = 4096
	blockBytes = 1 << 20
	epochBytes = 4 << 20  // of a lane's dictionaries; then they start anew
	largeBlock = 8 << 20  // one with a row of record.LargeRow
	hugeBlock  = 16 << 20 // few copies of it fit into a process's memory
	maxBlock   = 1 << 29
	maxIndex   = 1 << 28
)

// Columns of a block, in order. Each record has an octet in the first one, which tells of some others whether they have a value
// of the record.
const (
	columnHas = iota
	columnSlice
	columnRow
	columnMember
	columnOrdinal
	columnIP
	columnDomain
	columnPort
	columnTime
	columnStatus
	columnFingerprint
	columnLabels
	columnCertificates
	columns
)

// Bits of columnHas.
const (
	hasSlice        = 1 << iota // another one than the record before, which is 0 before the first
	hasMember                   // not 0
	hasPort                     // another one than the record before, which is 0 before the first
	hasStatus                   // another one than the record before; the first record has one
	hasTime                     // there is a time
	hasDomain                   // not empty
	hasCertificates             // there are some
	hasText                     // the address is a text, else four octets of IPv4
)

// Record is a labelled record on its way into a segment.
type Record struct {
	Slice        uint32 // of the shard
	Row          int64  // in the slice, from 1
	Member       uint32 // among the records of the row
	Ordinal      uint32 // Address.Index
	IP, Domain   []byte
	Host         netip.Addr // that IP stands for, where the writer's caller knows it; readers leave it empty
	Status       []byte
	Port         int64
	Time         int64 // microseconds since 1970
	HasTime      bool
	Fingerprint  []byte   // tape
	Labels       []byte   // label set
	Certificates []uint32 // as AddCertificate numbered them

	// FingerprintAt and LabelsAt may be given for texts that come again, each with its own: they are not looked up then.
	FingerprintAt, LabelsAt *Place
}

// SegmentWriter writes the records of one shard, of several protocols in any order. It is used by one goroutine.
type SegmentWriter struct {
	w      io.Writer
	lanes  []*lane
	offset int64
	raw    []byte
	frame  []byte
}

// NewSegmentWriter returns a writer of so many lanes.
func NewSegmentWriter(w io.Writer, lanes int) *SegmentWriter {
	s := &SegmentWriter{w: w}
	for range lanes {
		s.lanes = append(s.lanes, newLane())
	}
	return s
}

// AddCertificate enters a certificate, unless it was entered lately: its tape and its label set. The key stands for its
// content. Indices count up from 0 in each lane. The record that holds it is the next one added to the lane: only then room
// is made for more.
func (s *SegmentWriter) AddCertificate(lane int, key, tape []byte, labels string) (index uint32, added bool) {
	l := s.lanes[lane]
	index = l.certificatesBefore + uint32(l.certificates.Number(key))
	if int64(index) < l.held.certificates {
		return index, false
	}
	l.held.certificates++
	l.newCertificates = appendBytes(appendBytes(l.newCertificates, tape), labels)
	l.nCertificates++
	l.size += len(key) + 64 + len(tape) + len(labels)
	return index, true
}

// Add adds a record to a lane. It keeps nothing of r, and takes the fingerprint and the places away, so that a huge fingerprint
// can be freed before its block is packed.
func (s *SegmentWriter) Add(lane int, r *Record) error {
	l := s.lanes[lane]
	l.add(r)
	r.Fingerprint, r.FingerprintAt, r.LabelsAt = nil, nil, nil
	if l.rows < blockRows && l.pending() < blockBytes && l.size <= epochBytes {
		return nil
	}
	return s.flush(l)
}

func (s *SegmentWriter) flush(l *lane) error {
	if l.rows == 0 && l.nCertificates == 0 {
		return nil
	}
	s.raw = l.appendBlock(s.raw)
	if len(s.raw) > maxBlock {
		return fmt.Errorf("write segment: block of %d octets: %w", len(s.raw), run.ErrTooLarge)
	}
	l.next()
	if len(s.raw) > hugeBlock {
		runtime.GC() // what led to a huge record is as large, and so is what comes next
	}
	s.frame = run.Pack(s.frame, s.raw)
	s.raw = shrink(s.raw)
	l.blocks = append(l.blocks, blockAt{s.offset, int64(len(s.frame))})
	err := s.write(s.frame)
	s.frame = shrink(s.frame)
	return err
}

func (s *SegmentWriter) write(b []byte) error {
	n, err := s.w.Write(b)
	s.offset += int64(n)
	if err != nil {
		return fmt.Errorf("write segment: %w", err)
	}
	return nil
}

// Close writes what is left and the index. It does not close the writer below.
func (s *SegmentWriter) Close() error {
	for _, l := range s.lanes {
		if err := s.flush(l); err != nil {
			return err
		}
	}
	s.raw = s.raw[:0]
	for _, l := range s.lanes {
		s.raw = binary.AppendUvarint(s.raw, uint64(len(l.blocks)))
		s.raw = binary.AppendUvarint(s.raw, uint64(l.held.records))
		s.raw = binary.AppendUvarint(s.raw, uint64(l.held.certificates))
		for _, b := range l.blocks {
			s.raw = binary.AppendUvarint(s.raw, uint64(b.offset))
			s.raw = binary.AppendUvarint(s.raw, uint64(b.length))
		}
	}
	s.frame = run.Pack(s.frame[:0], s.raw)
	index := len(s.frame)
	s.frame = binary.BigEndian.AppendUint64(s.frame, uint64(s.offset))
	s.frame = binary.BigEndian.AppendUint32(s.frame, uint32(index))
	return s.write(append(s.frame, trailerMagic...))
}

// blockAt is where a block stands.
type blockAt struct{ offset, length int64 }

func (b blockAt) end() int64 { return b.offset + b.length }

func appendBytes[T []byte | string](dst []byte, b T) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}
