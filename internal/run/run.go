// Package run sorts more records than fit into memory, and merges what several machines sorted.
//
// The questions that no single record can answer are asked by sorting: what belongs together comes to stand together.
// A record here is a string of octets, and the order is that of bytes.Compare over the whole record; callers lay out
// their fields so that this order is the one they need. A run is a sequence of such records in a file or an object, cut
// into checksummed blocks. [Writer] and [Reader] handle one run, [Sorter] makes a sorted one out of records in any order,
// [Merge] makes one sequence out of many sorted runs. Memory stays within a budget, the rest goes to a scratch folder.
//
// # Layout
//
//	run     block*
//	block   u32 stored length, u32 raw length, u32 CRC-32C of the first 8 octets and the payload; payload
//	payload the raw octets, or (stored < raw) S2 of them
//	raw     (varint length, octets)*
//
// Every block stands on its own, so a run can be read from any offset that [Writer.Cut] returned.
package run

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// MaxRecord is the largest record in octets.
	MaxRecord = 1<<24 - 1

	blockSize = 128 << 10 // a block is closed when it holds that much
	maxBlock  = blockSize + MaxRecord + binary.MaxVarintLen32
)

// ErrTooLarge is returned for records over [MaxRecord].
var ErrTooLarge = errors.New("record over the limit")

// Iterator yields records in order.
type Iterator interface {
	// Next returns the next record, which is valid until the next call, or io.EOF.
	Next() ([]byte, error)
	// Close frees what the iterator holds. It may be called at any time, and twice.
	Close() error
}

// Writer writes a run.
type Writer struct {
	w      io.Writer
	block  int
	raw    []byte
	frame  []byte
	offset int64
	err    error
}

// NewWriter returns a Writer to w, which gets one Write per block.
func NewWriter(w io.Writer) *Writer { return newWriter(w, blockSize) }

func newWriter(w io.Writer, block int) *Writer { return &Writer{w: w, block: block} }

// Append adds a record. Order is the caller's matter.
func (w *Writer) Append(rec []byte) error {
	if len(rec) > MaxRecord {
		return fmt.Errorf("append record of %d octets: %w", len(rec), ErrTooLarge)
	}
	w.raw = binary.AppendUvarint(w.raw, uint64(len(rec)))
	w.raw = append(w.raw, rec...)
	if len(w.raw) >= w.block {
		return w.flush()
	}
	return w.err
}

// Cut closes the current block and returns the offset from which what follows can be read on its own.
func (w *Writer) Cut() (int64, error) {
	err := w.flush()
	return w.offset, err
}

// Close writes what is left. It does not close the writer below.
func (w *Writer) Close() error { return w.flush() }

func (w *Writer) flush() error {
	if w.err != nil || len(w.raw) == 0 {
		return w.err
	}
	w.frame = Pack(w.frame[:0], w.raw)
	w.raw = w.raw[:0]
	n, err := w.w.Write(w.frame)
	w.offset += int64(n)
	if err != nil {
		w.err = fmt.Errorf("write run: %w", err)
	}
	return w.err
}

// Reader reads a run.
type Reader struct {
	r      io.Reader
	header [headerSize]byte
	frame  []byte
	raw    []byte // the block in hand
	rest   []byte // what of it is still to come
	err    error
}

// NewReader returns a Reader of the blocks in r. It reads r in steps of one block.
func NewReader(r io.Reader) *Reader { return &Reader{r: r} }

// Next returns the next record, which is valid until the next call, or io.EOF where r ends after a whole block.
func (r *Reader) Next() ([]byte, error) {
	if len(r.rest) == 0 {
		if err := r.fill(); err != nil {
			return nil, err
		}
	}
	n, k := binary.Uvarint(r.rest)
	if k <= 0 || n > uint64(len(r.rest)-k) {
		r.rest, r.err = nil, r.fault("record length: %w", ErrCorrupt)
		return nil, r.err
	}
	end := k + int(n)
	rec := r.rest[k:end:end]
	r.rest = r.rest[end:]
	return rec, nil
}

// fault describes a failure, with the name of what is read if that has one, as files have.
func (r *Reader) fault(format string, args ...any) error {
	name := ""
	if named, ok := r.r.(interface{ Name() string }); ok {
		name = " " + named.Name()
	}
	return fmt.Errorf("read run%s: %w", name, fmt.Errorf(format, args...))
}

// fill loads the next block.
func (r *Reader) fill() error {
	if r.err == nil {
		r.err = r.load()
	}
	return r.err
}

func (r *Reader) load() error {
	if _, err := io.ReadFull(r.r, r.header[:]); err != nil {
		if err == io.EOF {
			return io.EOF
		}
		return r.fault("block header: %w", err)
	}
	stored, _, err := sizes(r.header[:], maxBlock)
	if err != nil {
		return r.fault("%w", err)
	}
	r.frame = append(r.frame[:0], r.header[:]...)
	if r.frame, err = readFull(r.r, r.frame, stored); err != nil {
		return r.fault("block: %w", err)
	}
	if r.raw, err = Unpack(r.raw[:0], r.frame, maxBlock); err != nil {
		return r.fault("%w", err)
	}
	r.rest = r.raw
	return nil
}

// readFull appends n octets of r to dst. Memory grows with what is really there, not with what a header claims.
func readFull(r io.Reader, dst []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, 2*blockSize)
		at := len(dst)
		dst = append(dst, make([]byte, step)...)
		if _, err := io.ReadFull(r, dst[at:]); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return dst, err
		}
		n -= step
	}
	return dst, nil
}
