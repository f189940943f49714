package run

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// records makes n records of many kinds: short, empty, equal, with long common beginnings, with zeros at the end.
func records(r *rand.Rand, n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		switch r.IntN(6) {
		case 0:
			out[i] = random(r, 25)
		case 1:
			out[i] = random(r, r.IntN(4))
		case 2:
			out[i] = append(bytes.Repeat([]byte("same"), 5), random(r, 5)...)
		case 3:
			out[i] = make([]byte, r.IntN(90))
		case 4:
			out[i] = append(make([]byte, 30), byte(r.IntN(3)))
		default:
			out[i] = append(bytes.Repeat([]byte{7}, 70), random(r, r.IntN(3))...)
		}
	}
	return out
}

func random(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sorted(recs [][]byte) [][]byte {
	out := slices.Clone(recs)
	slices.SortFunc(out, bytes.Compare)
	return out
}

func collect(t testing.TB, it Iterator) [][]byte {
	t.Helper()
	var out [][]byte
	for {
		rec, err := it.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Clone(rec))
	}
}

func sameRecords(t testing.TB, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("record %d: got %x, want %x", i, got[i], want[i])
		}
	}
}

func encode(t testing.TB, recs [][]byte) []byte { return encodeBlocks(t, recs, 1<<10) }

func encodeBlocks(t testing.TB, recs [][]byte, block int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newWriter(&b, block)
	for _, rec := range recs {
		if err := w.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type failing struct{ *Reader }

func (failing) Close() error { return nil }

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	recs := append(records(r, 5000), random(r, MaxRecord), make([]byte, MaxRecord))
	data := encode(t, recs)
	sameRecords(t, collect(t, failing{NewReader(bytes.NewReader(data))}), recs)
}

func TestTooLarge(t *testing.T) {
	rec := make([]byte, MaxRecord+1)
	if err := NewWriter(io.Discard).Append(rec); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Append: got %v", err)
	}
	s := NewSorter(0, t.TempDir())
	defer s.Close()
	if err := s.Add(rec); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Add: got %v", err)
	}
}

func TestCut(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	recs := records(r, 300)
	var b bytes.Buffer
	w := NewWriter(&b)
	var offsets []int64
	for i, rec := range recs {
		if i%100 == 0 {
			at, err := w.Cut()
			if err != nil {
				t.Fatal(err)
			}
			offsets = append(offsets, at)
		}
		if err := w.Append(rec); err != nil {
			t.Fatal(err)
		}
	}
	end, err := w.Cut()
	if err != nil {
		t.Fatal(err)
	}
	offsets = append(offsets, end)
	for i := range 3 {
		piece := b.Bytes()[offsets[i]:offsets[i+1]]
		sameRecords(t, collect(t, failing{NewReader(bytes.NewReader(piece))}), recs[i*100:(i+1)*100])
	}
}

// TestDamage flips every octet, and cuts at every length.
func TestDamage(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	recs := records(r, 60)
	data := encode(t, recs)
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1 << (i % 8)
		if err := drain(bad); err == nil {
			t.Fatalf("octet %d flipped: no error", i)
		}
	}
	whole := 0
	for i := range data {
		if drain(data[:i]) == nil {
			whole++
		}
	}
	if blocks := (len(bytes.Join(recs, nil)) + 60) / 1024; whole > blocks+1 {
		t.Errorf("%d truncations read without error, want at most one for each of %d blocks", whole, blocks)
	}
}

func drain(data []byte) error {
	r := NewReader(bytes.NewReader(data))
	for {
		if _, err := r.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(encode(f, records(rand.New(rand.NewPCG(7, 8)), 50)))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = drain(data)
		// What a forged but well-sealed block holds must not do harm either.
		if len(data) > 0 {
			_ = drain(Pack(nil, data))
		}
	})
}

func TestSorter(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 9))
		recs := records(r, 1+r.IntN(60_000))
		if seed%3 == 0 {
			recs = append(recs, random(r, 300<<10), random(r, 100<<10)) // larger than the budget
		}
		dir := t.TempDir()
		s := NewSorter([]int{0, 200 << 10, 64 << 20}[seed%3], dir)
		r.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
		for _, rec := range recs {
			if err := s.Add(rec); err != nil {
				t.Fatal(err)
			}
		}
		if seed%3 == 0 && len(s.runs) < 3 {
			t.Fatalf("seed %d: %d runs, the test wants several", seed, len(s.runs))
		}
		it, err := s.Sorted()
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, collect(t, it), sorted(recs))
		for range 2 {
			if err := errors.Join(it.Close(), s.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("files left: %v", left)
		}
	}
}

// TestSorterBudget counts what a sorter holds while records of different sizes are added.
func TestSorterBudget(t *testing.T) {
	const budget = 1 << 20
	for _, size := range []int{0, 1, 26, 1000, 20_000, 60_000} {
		r := rand.New(rand.NewPCG(1, uint64(size)))
		s := NewSorter(budget, t.TempDir())
		peak := 0
		for range 4 * budget / (size + entrySize) {
			if err := s.Add(random(r, size)); err != nil {
				t.Fatal(err)
			}
			peak = max(peak, s.arena.held+cap(s.index)*entrySize)
		}
		if peak > budget {
			t.Errorf("records of %d octets: held %d, budget %d", size, peak, budget)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSorterOfManyChunks: a large budget does not make a sorter take more records than it can tell apart.
func TestSorterOfManyChunks(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	s := NewSorter(64<<20, t.TempDir())
	s.arena.size = 16 // as if the budget were a million times as large
	recs := make([][]byte, maxChunks+100)
	for i := range recs {
		recs[i] = random(r, 12)
		if err := s.Add(recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	it, err := s.Sorted()
	if err != nil {
		t.Fatal(err)
	}
	sameRecords(t, collect(t, it), sorted(recs))
	if err := errors.Join(it.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestSorterScratchFails(t *testing.T) {
	s := NewSorter(0, t.TempDir()+"/none")
	defer s.Close()
	for range 100_000 {
		if err := s.Add([]byte("some record or other")); err != nil {
			return
		}
	}
	t.Error("no error without a scratch folder")
}

func FuzzSort(f *testing.F) {
	f.Add([]byte("a\nab\n\na\x00\nab"), uint8(1))
	f.Fuzz(func(t *testing.T, data []byte, times uint8) {
		recs := slices.Repeat(bytes.Split(data, []byte("\n")), int(times%64)+1)
		s := NewSorter(1<<20, t.TempDir())
		defer s.Close()
		for _, rec := range recs {
			if err := s.Add(rec); err != nil {
				t.Fatal(err)
			}
		}
		it, err := s.Sorted()
		if err != nil {
			t.Fatal(err)
		}
		sameRecords(t, collect(t, it), sorted(recs))
	})
}
