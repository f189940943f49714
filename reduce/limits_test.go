package reduce

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/dice-engine/dice/internal/run"
	"github.com/dice-engine/dice/shard"
)

// largest is a writer that remembers the largest Write it got, which for a segment is a block.
type largest struct{ most, total int }

func (l *largest) Write(p []byte) (int, error) {
	l.most = max(l.most, len(p))
	l.total += len(p)
	return len(p), nil
}

// noise returns n octets that do not compress, different for every i.
func noise(i, n int) []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(i))
	for len(b) < n {
		sum := sha256.Sum256(b[max(0, len(b)-32):])
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// TestBlocksAreBounded: whatever a stranger makes large, a block is closed soon.
func TestBlocksAreBounded(t *testing.T) {
	const size = 100 << 10
	for name, fill := range map[string]func(*Record, []byte){
		"ip":          func(r *Record, b []byte) { r.IP = b },
		"domain":      func(r *Record, b []byte) { r.Domain = b },
		"status":      func(r *Record, b []byte) { r.Status = b },
		"fingerprint": func(r *Record, b []byte) { r.Fingerprint = b },
		"labels":      func(r *Record, b []byte) { r.Labels = b },
	} {
		var l largest
		w := NewSegmentWriter(&l, 1)
		for i := range 200 {
			rec := Record{Row: int64(i)}
			fill(&rec, noise(i, size))
			if err := w.Add(0, &rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if limit := blockBytes + size + 1<<10; l.most > limit {
			t.Errorf("%s: block of %d octets, want at most %d", name, l.most, limit)
		}
	}
}

// TestTextsAreBounded: what a writer remembers of certificates is bounded also when little of them enters the segment.
func TestTextsAreBounded(t *testing.T) {
	w := NewSegmentWriter(io.Discard, 1)
	for i := range 1000 {
		text := noise(i, 100<<10)
		index, _ := w.AddCertificate(0, text, []byte("tape"), "")
		if err := w.Add(0, &Record{Row: int64(i), Certificates: []uint32{index}}); err != nil {
			t.Fatal(err)
		}
		if size := w.lanes[0].size; size > epochBytes+(1<<20) {
			t.Fatalf("after %d certificates the dictionaries hold %d octets, an epoch is %d", i+1, size, epochBytes)
		}
	}
}

// counter counts reads.
type counter struct {
	io.ReaderAt
	reads, octets int
}

func (c *counter) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	c.octets += len(p)
	return c.ReaderAt.ReadAt(p, off)
}

// TestLanesAreReadInFewRequests: each read may be a request to a distant store, and blocks of lanes take turns.
func TestLanesAreReadInFewRequests(t *testing.T) {
	const lanes, rows = 3, 40 * blockRows
	var b bytes.Buffer
	w := NewSegmentWriter(&b, lanes)
	for i := range rows {
		rec := Record{Row: int64(i), IP: fmt.Appendf(nil, "10.%d.%d.%d", i>>16, i>>8&255, i&255), Domain: noise(i, 8)}
		if err := w.Add(i%lanes, &rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for lane := range lanes {
		c := &counter{ReaderAt: bytes.NewReader(b.Bytes())}
		s, err := OpenSegment(c, int64(b.Len()), lane)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for ; err == nil; n++ {
			_, err = s.Next()
		}
		if n != rows/lanes+1 && n != rows/lanes+2 || err != io.EOF {
			t.Errorf("lane %d: %d records, %v", lane, n-1, err)
		}
		if most := 2 + b.Len()/(maxAhead/2); c.reads > most || c.octets > b.Len()+tailBytes {
			t.Errorf("lane %d of %d octets: %d reads of %d octets, want at most %d", lane, b.Len(), c.reads, c.octets, most)
		}
	}
}

// TestRowOverTheLimit: what could not be read back is not written.
func TestRowOverTheLimit(t *testing.T) {
	w := NewSegmentWriter(io.Discard, 1)
	w.lanes[0].columns[columnDomain] = make([]byte, maxBlock)
	if err := w.Add(0, &Record{}); !errors.Is(err, run.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// TestTaskCombines: equal evidence of one task is stored once, and of a host's offers only the first.
func TestTaskCombines(t *testing.T) {
	s := NewSightings(testConfig(t))
	host := netip.MustParseAddr("192.0.2.1")
	sha := sha256.Sum256([]byte("a"))
	for i := range 10 {
		err := errors.Join(
			s.Evidence(Certificate, sha, host, 1),
			s.Evidence(Certificate, sha, host, uint8(i%2)),
			s.Offer(host, 3, uint64(10-i), []byte{byte(10 - i)}),
		)
		if err != nil {
			t.Fatal(err)
		}
	}
	all := store(t, s)
	if n := records(all.extents[Reuse]); n != 2 {
		t.Errorf("%d sightings of reuse, want 2", n)
	}
	if n := records(all.extents[Identity]); n != 1 {
		t.Errorf("%d offers, want 1", n)
	}
	for p := range partitions {
		it := merged(t, Identity, p, all)
		for rec, err := it.Next(); err != io.EOF; rec, err = it.Next() {
			if err != nil || rec[offerSize] != 1 {
				t.Errorf("kept offer %d, want row 1 (%v)", rec[offerSize], err)
			}
		}
	}
}

func records(extents []shard.Extent) (n int64) {
	for _, e := range extents {
		n += e.Records
	}
	return n
}

// TestUnusedOffersCountForNothing: nobody looks into what no record asks for.
func TestUnusedOffersCountForNothing(t *testing.T) {
	s := NewSightings(Config{Partitions: 1, Budget: 1 << 16, Scratch: t.TempDir()})
	if err := s.Offer(netip.MustParseAddr("192.0.2.1"), 0, 1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	v, next := NewVerdicts(0, t.TempDir()), NewSightings(testConfig(t))
	defer v.Close()
	defer next.Close()
	broken := func([]byte) (cert, key [32]byte, ok bool, err error) {
		return cert, key, false, errors.New("described")
	}
	if err := ResolveIdentity(merged(t, Identity, 0, store(t, s)), v, next, broken); err != nil {
		t.Error(err)
	}
}

// TestMillionHosts: a key that a million records hold on a million hosts is counted in a memory that knows of neither.
func TestMillionHosts(t *testing.T) {
	const hosts, budget = 1_000_000, 4 << 20
	body, extent := manyHosts(t, hosts, budget)
	v := NewVerdicts(budget, t.TempDir())
	defer v.Close()
	it, err := run.Merge([]func() (io.ReadCloser, error){func() (io.ReadCloser, error) {
		f, err := os.Open(body)
		if err != nil {
			return nil, err
		}
		_, err = f.Seek(extent.Offset, io.SeekStart)
		return f, err
	}}, budget, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	base := heap()
	watched := &watch{Iterator: it}
	var found []Shared
	err = ResolveReuse(watched, 2, v, func(s Shared) error { found = append(found, s); return nil })
	if err != nil || len(found) != 1 || found[0].Hosts != hosts {
		t.Fatalf("got %v, %v", found, err)
	}
	if _, err := v.Store(io.Discard, []Range{{0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if most := max(watched.most, heap()); most > base+3*budget {
		t.Errorf("heap grew from %d to %d octets with a budget of %d", base, most, budget)
	}
}

// watch looks at the heap now and then.
type watch struct {
	run.Iterator
	n, most int
}

func (w *watch) Next() ([]byte, error) {
	if w.n++; w.n%100_000 == 0 {
		w.most = max(w.most, heap())
	}
	return w.Iterator.Next()
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func manyHosts(t *testing.T, hosts uint32, budget int) (path string, extent shard.Extent) {
	t.Helper()
	s := NewSightings(Config{Partitions: 1, Budget: budget, Scratch: t.TempDir()})
	defer s.Close()
	sha := sha256.Sum256([]byte("default"))
	for i := range hosts {
		addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, i*2654435761)))
		err := errors.Join(s.Evidence(Key, sha, addr, 0), s.Claim(Key, sha, Holder{Address: Address{Index: i}}))
		if err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(t.TempDir(), "sightings")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	buffered := bufio.NewWriter(f)
	extents, err := s.Store(buffered)
	if err := errors.Join(err, buffered.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path, extents[Reuse][0]
}

// TestBlocksAreForgotten: a reader keeps no large blocks for the few octets that they add to a dictionary.
func TestBlocksAreForgotten(t *testing.T) {
	const blocks, size = 40, 5 << 20
	var b bytes.Buffer
	w := NewSegmentWriter(&b, 1)
	for i := range blocks {
		rec := Record{Row: int64(i), Domain: bytes.Repeat([]byte{'a'}, size), Fingerprint: noise(i, 20)}
		if err := w.Add(0, &rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := OpenSegment(bytes.NewReader(b.Bytes()), int64(b.Len()), 0)
	if err != nil {
		t.Fatal(err)
	}
	for range blocks {
		if _, err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
	var held runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&held)
	if held.HeapAlloc > 6*size {
		t.Errorf("%d MiB are held after %d blocks of 5 MiB", held.HeapAlloc>>20, blocks)
	}
	runtime.KeepAlive(s)
}
