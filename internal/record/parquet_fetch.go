package record

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	fetchPiece    = 8 << 20  // largest single read
	fetchAtOnce   = 32 << 20 // row groups that need no more than this are fetched whole, and ahead of time
	fetchWindow   = 256 << 10
	fetchGap      = 1 << 20 // largest gap between chunks that is read along with them
	fetchGapShare = 20      // and all such gaps together are at most this fraction of what is needed
	fetchParallel = 4
)

// fetcher reads ranges of an object and counts the octets.
type fetcher struct {
	ctx    context.Context
	from   io.ReaderAt
	size   int64
	tail   []byte // end of the object, kept from opening
	octets atomic.Int64
}

// fetchError is a fault of the store, not of the data.
type fetchError struct{ err error }

func (e *fetchError) Error() string { return e.err.Error() }
func (e *fetchError) Unwrap() error { return e.err }

func isFetchError(err error) bool {
	var fault *fetchError
	return errors.As(err, &fault)
}

// keepTail serves later reads from the object's end.
func (f *fetcher) keepTail(tail []byte) { f.tail = tail }

// read fills p from off in pieces. The caller has checked that the range lies in the object.
func (f *fetcher) read(p []byte, off int64) error {
	tailAt := f.size - int64(len(f.tail))
	if end := off + int64(len(p)); end > tailAt {
		from := max(off, tailAt)
		copy(p[from-off:], f.tail[from-tailAt:])
		p = p[:from-off]
	}
	for len(p) > 0 {
		if err := f.ctx.Err(); err != nil {
			return &fetchError{context.Cause(f.ctx)}
		}
		n, err := f.from.ReadAt(p[:min(len(p), fetchPiece)], off)
		f.octets.Add(int64(n))
		if n < min(len(p), fetchPiece) {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return &fetchError{fmt.Errorf("fetch at %d: %w", off, err)}
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// stream yields the octets of one column chunk in order.
type stream struct {
	fetch    *fetcher
	data     []byte // at hand
	off, end int64  // not fetched yet
	piece    int64
	buffer   []byte // owned, of a chunk that is fetched piece by piece
}

// peek returns the next n octets, fewer at the end of the chunk. They are valid until the next peek.
func (s *stream) peek(n int) ([]byte, error) {
	if lack := int64(n - len(s.data)); lack > 0 && s.off < s.end {
		size := min(max(lack, s.piece), s.end-s.off)
		have := len(s.data)
		s.buffer = slices.Grow(append(s.buffer[:0], s.data...), int(size))[:have+int(size)]
		if err := s.fetch.read(s.buffer[have:], s.off); err != nil {
			return nil, err
		}
		s.data, s.off = s.buffer, s.off+size
	}
	return s.data[:min(n, len(s.data))], nil
}

func (s *stream) discard(n int) { s.data = s.data[n:] }

// left is the number of octets up to the end of the chunk.
func (s *stream) left() int64 { return int64(len(s.data)) + s.end - s.off }

// span is a range of the object that is read in one go.
type span struct{ from, to int64 }

// coalesce joins the ranges of chunks, given in any order. It fills the smallest gaps first, as long as they are few.
func coalesce(chunks []span) []span {
	slices.SortFunc(chunks, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	var needed int64
	var gaps []int64
	for i, c := range chunks {
		needed += c.to - c.from
		if i > 0 {
			gaps = append(gaps, c.from-chunks[i-1].to)
		}
	}
	widest := widestGap(gaps, needed/fetchGapShare)
	var spans []span
	for _, c := range chunks {
		if last := len(spans) - 1; last >= 0 && c.from-spans[last].to <= widest {
			spans[last].to = max(spans[last].to, c.to)
			continue
		}
		spans = append(spans, c)
	}
	return spans
}

// widestGap returns the size up to which all gaps can be filled without reading more than allowance in vain.
func widestGap(gaps []int64, allowance int64) int64 {
	slices.Sort(gaps)
	widest, sum := int64(0), int64(0)
	for i := 0; i < len(gaps); {
		same := i
		for ; same < len(gaps) && gaps[same] == gaps[i]; same++ {
			sum += max(gaps[same], 0)
		}
		if sum > allowance || gaps[i] > fetchGap {
			break
		}
		widest, i = max(widest, gaps[i]), same
	}
	return widest
}

// loaded is the octets of a row group's chunks, or the beginnings of them.
type loaded struct {
	streams []stream // by leaf
	err     error
}

// load fetches the chunks of a row group. Where they are many octets the large ones are left to be fetched piece by piece.
func (f *fetcher) load(chunks []chunkMeta, leaves []int) loaded {
	l := loaded{streams: make([]stream, len(chunks))}
	window := windowOf(chunks, leaves)
	var small []span
	for _, leaf := range leaves {
		c := chunks[leaf]
		l.streams[leaf] = stream{fetch: f, off: c.start, end: c.start + c.size, piece: window}
		if c.size <= window {
			small = append(small, span{c.start, c.start + c.size})
		}
	}
	spans := coalesce(small)
	buffers, err := f.readAll(spans)
	if err != nil {
		l.err = err
		return l
	}
	for _, leaf := range leaves {
		s := &l.streams[leaf]
		if s.end-s.off <= window {
			i := slices.IndexFunc(spans, func(p span) bool { return p.from <= s.off && s.end <= p.to })
			s.data = buffers[i][s.off-spans[i].from : s.end-spans[i].from]
			s.off = s.end
		}
	}
	return l
}

func needed(chunks []chunkMeta, leaves []int) (octets int64) {
	for _, leaf := range leaves {
		octets += chunks[leaf].size
	}
	return octets
}

// windowOf returns how much of a chunk is fetched at once.
func windowOf(chunks []chunkMeta, leaves []int) int64 {
	if needed(chunks, leaves) <= fetchAtOnce {
		return fetchAtOnce
	}
	return min(max(fetchAtOnce/int64(len(leaves)), fetchWindow), fetchPiece)
}

// readAll reads spans, several at a time.
func (f *fetcher) readAll(spans []span) ([][]byte, error) {
	buffers := make([][]byte, len(spans))
	var group errgroup.Group
	group.SetLimit(fetchParallel)
	for i, s := range spans {
		buffers[i] = make([]byte, s.to-s.from)
		group.Go(func() error { return f.read(buffers[i], s.from) })
	}
	return buffers, group.Wait()
}
