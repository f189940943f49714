package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync/atomic"
)

// Kinds of pages.
const (
	pageData       = 0
	pageIndex      = 1
	pageDictionary = 2
	pageDataV2     = 3
)

const (
	pageHeaderGuess = 1 << 10
	pageHeaderMost  = 16 << 20
)

var errPage = errors.New("page header is malformed")

// pageHeader is what stands before a page.
type pageHeader struct {
	size             int // of the header itself
	kind             int64
	packed, unpacked int64 // octets of the page, compressed and not
	crc              int64
	hasCRC           bool
	values           int64 // entries, nulls included
	encoding         int64
	defEncoding      int64
	repEncoding      int64
	defSize, repSize int64 // of version 2, whose levels are never compressed
	plain            bool  // version 2: the values are not compressed either
}

// readPageHeader reads the next header of a chunk. A limit is checked here, before anything is decompressed.
func readPageHeader(in *stream, lim Limits) (h pageHeader, err error) {
	for guess := pageHeaderGuess; ; guess *= 8 {
		data, err := in.peek(guess)
		if err != nil {
			return h, err
		}
		h, err = decodePageHeader(data)
		if err == io.ErrUnexpectedEOF && len(data) == guess && guess < pageHeaderMost {
			continue
		}
		if err != nil {
			return h, fmt.Errorf("read page header: %w", err)
		}
		in.discard(h.size)
		return h, h.check(in.left(), lim)
	}
}

func (h *pageHeader) check(left int64, lim Limits) error {
	if h.unpacked > lim.Page || h.packed > lim.Page {
		return fmt.Errorf("page of %d octets: %w", max(h.unpacked, h.packed), ErrLimit)
	}
	if h.packed < 0 || h.unpacked < 0 || h.values < 0 || h.values > math.MaxInt32 || h.defSize < 0 || h.repSize < 0 || h.packed > left {
		return errPage
	}
	if least := min(h.packed, h.unpacked); h.kind == pageDataV2 && (h.defSize > least || h.repSize > least-h.defSize) {
		return errPage
	}
	return nil
}

func decodePageHeader(data []byte) (h pageHeader, err error) {
	c := compact{data: data}
	h.encoding, h.defEncoding, h.repEncoding = -1, encodingRLE, encodingRLE
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 1:
			return c.integer(kind, &h.kind)
		case 2:
			return c.integer(kind, &h.unpacked)
		case 3:
			return c.integer(kind, &h.packed)
		case 4:
			h.hasCRC = true
			return c.integer(kind, &h.crc)
		case 5, 7:
			return kind == thriftStruct && c.dataHeader(&h)
		case 8:
			return kind == thriftStruct && c.dataHeaderV2(&h)
		}
		return false
	})
	h.size = c.at
	return h, c.err
}

// dataHeader reads what data pages of version 1 and dictionary pages say; the latter have only the first two members.
func (c *compact) dataHeader(h *pageHeader) bool {
	c.structure(func(id int16, kind byte) bool {
		switch {
		case id == 1:
			return c.integer(kind, &h.values)
		case id == 2:
			return c.integer(kind, &h.encoding)
		case id == 3 && kind == thriftI32:
			return c.integer(kind, &h.defEncoding)
		case id == 4:
			return c.integer(kind, &h.repEncoding)
		}
		return false
	})
	return true
}

func (c *compact) dataHeaderV2(h *pageHeader) bool {
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 1:
			return c.integer(kind, &h.values)
		case 4:
			return c.integer(kind, &h.encoding)
		case 5:
			return c.integer(kind, &h.defSize)
		case 6:
			return c.integer(kind, &h.repSize)
		case 7:
			packed := true
			read := boolean(kind, &packed)
			h.plain = !packed
			return read
		}
		return false
	})
	return true
}

// workshop is what the cursors of a reader share.
type workshop struct {
	limits   Limits
	size     int64 // of the file
	inflater inflater
	held     int64        // octets of decompressed pages and dictionaries
	entries  int64        // that may still be read
	octets   int64        // that may still be decompressed, or made of what stands once for many values
	onLarge  func() error // see [Object]
	ended    atomic.Bool  // the context of the reading
	refused  error        // by onLarge
}

// The most that a file may make of itself: a small one that claims billions of values is not read to the end.
const (
	freeEntries, entriesPerOctet = 1 << 24, 1 << 7
	freeOctets, octetsPerOctet   = 1 << 30, 1 << 12
)

func newWorkshop(lim Limits, size int64) *workshop {
	return &workshop{limits: lim, size: size, entries: freeEntries + size*entriesPerOctet, octets: freeOctets + size*octetsPerOctet}
}

// spend accounts for a page that is about to be decoded.
func (w *workshop) spend(h *pageHeader) error { return w.take(h.values, h.unpacked) }

// take accounts for entries and octets.
func (w *workshop) take(entries, octets int64) error {
	w.entries -= min(entries, w.entries+1) // which cannot wrap around
	w.octets -= min(octets, w.octets+1)
	if w.entries < 0 || w.octets < 0 {
		return fmt.Errorf("more values than a file of this size holds: %w", ErrLimit)
	}
	return nil
}

// room returns buffer with that size.
func (w *workshop) room(buffer []byte, size int64) ([]byte, error) {
	if size <= int64(cap(buffer)) {
		return buffer[:size], nil
	}
	if err := w.hold(size - int64(cap(buffer))); err != nil {
		return buffer, err
	}
	return make([]byte, size), nil
}

// hold accounts for octets that are in hand from now on, over all columns: one page of the largest size, and half as much
// beside it; four of them, if the file has a sixteenth of that itself.
func (w *workshop) hold(octets int64) error {
	page := w.limits.Page
	if w.held+octets > max(page+page/2, min(4*page, 16*w.size)) {
		return fmt.Errorf("pages and dictionaries in hand of %d octets: %w", w.held+octets, ErrLimit)
	}
	w.held += octets
	return nil
}

// body takes the page behind a header and decompresses it into buffer. plain is what is not compressed whatever the codec.
func (w *workshop) body(in *stream, h *pageHeader, codec, plain int64, buffer []byte) (page, kept []byte, err error) {
	if w.onLarge != nil && h.mayBeLarge(w.held) {
		if w.refused = w.onLarge(); w.refused != nil {
			w.ended.Store(true)
			return nil, buffer, w.refused
		}
	}
	packed, err := in.peek(int(h.packed))
	if err != nil {
		return nil, buffer, err
	}
	if h.hasCRC && crc32.ChecksumIEEE(packed) != uint32(h.crc) {
		return nil, buffer, errors.New("page has another checksum than its header says")
	}
	in.discard(int(h.packed))
	if codec == codecNone || h.plain {
		if h.packed != h.unpacked {
			return nil, buffer, errSize
		}
		return packed, buffer, nil
	}
	if buffer, err = w.room(buffer, h.unpacked); err != nil {
		return nil, buffer, err
	}
	copy(buffer[:plain], packed)
	if plain < h.unpacked || plain < h.packed {
		if err := w.inflater.inflate(codec, buffer[plain:], packed[plain:]); err != nil {
			return nil, buffer, fmt.Errorf("decompress page: %w", err)
		}
	}
	return buffer, buffer, nil
}

// manySmall is what pages in hand may come to, in octets, before they count as large although their values are small.
const manySmall = 64 << 20

// mayBeLarge says whether a large row may be in the page, by what its values take on average, or whether it is itself as
// large as one, with all pages in hand.
func (h *pageHeader) mayBeLarge(held int64) bool {
	return h.unpacked > LargeRow && (h.unpacked/max(h.values, 1) > LargeRow>>10 || h.unpacked+held > manySmall)
}

// prefixed cuts a length-prefixed part off a page.
func prefixed(page []byte) (part, rest []byte, err error) {
	if len(page) < 4 {
		return nil, nil, errPage
	}
	size := binary.LittleEndian.Uint32(page)
	if uint64(size) > uint64(len(page)-4) {
		return nil, nil, errPage
	}
	return page[4 : 4+size], page[4+size:], nil
}
