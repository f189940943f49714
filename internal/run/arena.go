package run

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// entry stands for a record while it is sorted: most comparisons need no look at the record itself.
type entry struct {
	prefix uint64 // eight octets of the record from some depth on, zeros after its end
	at     uint64 // where it is: 16 bits chunk, 24 bits offset, 24 bits length
}

const (
	entrySize = 16
	maxChunks = 1 << 16 // as many as entries have numbers for
)

// arena holds records in chunks of one size. A record larger than that has a chunk of its own.
type arena struct {
	size   int      // of a chunk
	chunks [][]byte // those in use
	free   [][]byte // those of the common size that wait for use
	held   int      // octets of all of them
}

// grows tells by how many octets the arena would grow for a record of n octets.
func (a *arena) grows(n int) int {
	if a.fits(n) || (n <= a.size && len(a.free) > 0) {
		return 0
	}
	return max(n, a.size)
}

// isFull says whether there is no number left for the chunk that a record of n octets needs.
func (a *arena) isFull(n int) bool { return len(a.chunks) == maxChunks && !a.fits(n) }

func (a *arena) fits(n int) bool {
	if len(a.chunks) == 0 {
		return false
	}
	last := a.chunks[len(a.chunks)-1]
	return cap(last)-len(last) >= n
}

// add copies a record.
func (a *arena) add(rec []byte) entry {
	if !a.fits(len(rec)) {
		a.open(len(rec))
	}
	i := len(a.chunks) - 1
	at := uint64(i)<<48 | uint64(len(a.chunks[i]))<<24 | uint64(len(rec))
	a.chunks[i] = append(a.chunks[i], rec...)
	return entry{load(rec, 0), at}
}

func (a *arena) open(n int) {
	if last := len(a.free) - 1; n <= a.size && last >= 0 {
		a.chunks = append(a.chunks, a.free[last])
		a.free = a.free[:last]
		return
	}
	chunk := make([]byte, 0, max(n, a.size))
	a.held += cap(chunk)
	a.chunks = append(a.chunks, chunk)
}

// record returns an entry's record.
func (a *arena) record(e entry) []byte {
	from, n := e.at>>24&0xffffff, e.at&0xffffff
	return a.chunks[e.at>>48][from : from+n : from+n]
}

// reset forgets the records and keeps the memory, except that of oversized ones.
func (a *arena) reset() {
	for _, c := range a.chunks {
		if cap(c) == a.size {
			a.free = append(a.free, c[:0])
		} else {
			a.held -= cap(c)
		}
	}
	clear(a.chunks)
	a.chunks = a.chunks[:0]
}

// load returns eight octets of rec from depth on, big endian, with zeros after its end.
func load(rec []byte, depth int) uint64 {
	if len(rec) >= depth+8 {
		return binary.BigEndian.Uint64(rec[depth:])
	}
	var b [8]byte
	if depth < len(rec) {
		copy(b[:], rec[depth:])
	}
	return binary.BigEndian.Uint64(b[:])
}

const (
	fewEntries = 160 // fewer are sorted by comparison
	maxDepth   = 64  // from here on too
)

// sort orders entries whose prefixes were loaded from depth 0. It distributes by one octet after the other, the first
// one first, in place.
func (a *arena) sort(e []entry) { a.distribute(e, 0, 56) }

func (a *arena) distribute(e []entry, depth, shift int) {
	for len(e) > fewEntries {
		if shift < 0 {
			if depth += 8; depth >= maxDepth {
				break
			}
			e, shift = a.deepen(e, depth), 56
			continue
		}
		var ends [256]int
		if !count(e, shift, &ends) {
			permute(e, shift, ends)
			from := 0
			for _, end := range ends {
				a.distribute(e[from:end], depth, shift-8)
				from = end
			}
			return
		}
		shift -= 8
	}
	a.compareSort(e, min(depth, maxDepth-8))
}

// count turns the histogram of the octet at shift into the ends of its buckets, and tells whether there is but one.
func count(e []entry, shift int, ends *[256]int) (one bool) {
	for i := range e {
		ends[byte(e[i].prefix>>shift)]++
	}
	if ends[byte(e[0].prefix>>shift)] == len(e) {
		return true
	}
	sum := 0
	for i, n := range ends {
		sum += n
		ends[i] = sum
	}
	return false
}

// permute brings every entry into its bucket by following the cycles of the permutation.
func permute(e []entry, shift int, ends [256]int) {
	next := ends // where a bucket's next entry goes, from its end downwards
	from := 0
	for b := range ends {
		for next[b] > from {
			moving := e[next[b]-1]
			for to := byte(moving.prefix >> shift); int(to) != b; to = byte(moving.prefix >> shift) {
				next[to]--
				moving, e[next[to]] = e[next[to]], moving
			}
			next[b]--
			e[next[b]] = moving
		}
		from = ends[b]
	}
}

// deepen handles entries whose records agree up to depth: those that end there are put first, in order, and the others
// are returned with the prefixes that follow.
func (a *arena) deepen(e []entry, depth int) []entry {
	ended := 0
	for i := range e {
		if rec := a.record(e[i]); len(rec) > depth {
			e[i].prefix = load(rec, depth)
			continue
		}
		e[ended], e[i] = e[i], e[ended]
		ended++
	}
	slices.SortFunc(e[:ended], func(x, y entry) int { return cmp.Compare(x.at&0xffffff, y.at&0xffffff) })
	return e[ended:]
}

// compareSort sorts entries whose records agree before depth and whose prefixes were loaded from there.
func (a *arena) compareSort(e []entry, depth int) {
	slices.SortFunc(e, func(x, y entry) int {
		if x.prefix != y.prefix {
			return cmp.Compare(x.prefix, y.prefix)
		}
		rx, ry := a.record(x), a.record(y)
		return bytes.Compare(rx[min(depth, len(rx)):], ry[min(depth, len(ry)):])
	})
}
