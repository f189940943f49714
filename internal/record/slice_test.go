package record

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// scanText makes lines of many kinds: short, blank, long, rejected, with or without a last LF.
func scanText(r *rand.Rand, lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		switch r.IntN(12) {
		case 0:
		case 1:
			b.WriteString("\r")
		case 2:
			b.WriteString("broken")
		case 3:
			fmt.Fprintf(&b, `{"ip":"%d","pad":"%x"}`, i, make([]byte, r.IntN(3000)))
		default:
			fmt.Fprintf(&b, `{"ip":"%d","data":{"a":{"status":"s%d","protocol":"a","result":{"n":%d,"cert":"%x"}},"b":null}}`, i, r.Uint64(), i, r.Uint64())
		}
		if i < lines-1 || r.IntN(2) == 0 {
			b.WriteString("\n")
		}
	}
	return b.Bytes()
}

// compressed writes text as members that are cut anywhere, some of them empty, and returns where they start.
func compressed(t testing.TB, r *rand.Rand, text []byte, f objectFormat, members int) (out []byte, starts []int64) {
	t.Helper()
	cuts := []int{0, len(text)}
	for range members - 1 {
		at := r.IntN(len(text) + 1)
		if r.IntN(2) == 0 { // behind a line, as tools that concatenate files do
			at += bytes.IndexByte(text[at:], '\n') + 1
		}
		cuts = append(cuts, at)
	}
	slices.Sort(cuts)
	var b bytes.Buffer
	for i := 1; i < len(cuts); i++ {
		part := text[cuts[i-1]:cuts[i]]
		if f == zstdLines && r.IntN(3) == 0 {
			b.Write(skippable(r.IntN(100)))
		}
		starts = append(starts, int64(b.Len()))
		b.Write(oneMember(t, r, part, f))
	}
	if r.IntN(3) == 0 {
		b.Write(padding(r, f))
	}
	return b.Bytes(), starts
}

// padding is what may follow a member and holds nothing: zeros after gzip, as tapes and tools leave them.
func padding(r *rand.Rand, f objectFormat) []byte {
	if f == gzipLines {
		return make([]byte, r.IntN(100_000))
	}
	return skippable(r.IntN(100))
}

func skippable(size int) []byte {
	out := binary.LittleEndian.AppendUint32(nil, 0x184d2a50+uint32(size%16))
	return append(binary.LittleEndian.AppendUint32(out, uint32(size)), make([]byte, size)...)
}

func oneMember(t testing.TB, r *rand.Rand, text []byte, f objectFormat) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	if f == gzipLines {
		g, err := gzip.NewWriterLevel(&b, r.IntN(10))
		if err != nil {
			t.Fatal(err)
		}
		g.Name = strings.Repeat("n", r.IntN(20))
		w = g
	} else {
		z, err := zstd.NewWriter(&b, zstd.WithEncoderCRC(r.IntN(2) == 0), zstd.WithZeroFrames(true), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(32<<10))
		if err != nil {
			t.Fatal(err)
		}
		w = z
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// randomSlices cuts an object anywhere.
func randomSlices(r *rand.Rand, size int64, n int) []Slice {
	cuts := []int64{0, size}
	for range n - 1 {
		cuts = append(cuts, r.Int64N(size+1))
	}
	slices.Sort(cuts)
	var out []Slice
	for i := 1; i < len(cuts); i++ {
		out = append(out, Slice{cuts[i-1], cuts[i]})
	}
	return out
}

// content drops the row number, which counts from the slice's beginning.
func content(out []string) []string {
	var cut []string
	for _, line := range out {
		_, rest, _ := strings.Cut(line, "/")
		cut = append(cut, rest)
	}
	return cut
}

// checkSlices reads an object whole and in slices, and wants the same records, and members that fit together.
func checkSlices(t testing.TB, obj Object, cuts []Slice, limits Limits) {
	t.Helper()
	want, total := readAll(t, obj, Slice{0, obj.Size}, limits)
	var got []string
	var sum Counts
	end := int64(0)
	for _, s := range cuts {
		out, counts := readAll(t, obj, s, limits)
		got = append(got, out...)
		sum.Lines += counts.Lines
		sum.Rejected += counts.Rejected
		if counts.End == 0 {
			continue
		}
		if counts.Start != end {
			t.Errorf("slice %v starts at %d, the one before ends at %d", s, counts.Start, end)
		}
		end = counts.End
	}
	if diff := cmp.Diff(content(want), content(got)); diff != "" {
		t.Errorf("slices %v: whole - slices +\n%s", cuts, diff)
	}
	if sum.Lines != total.Lines || sum.Rejected != total.Rejected || end != total.End {
		t.Errorf("slices %v: counts %+v and end %d, whole %+v", cuts, sum, end, total)
	}
}

func TestSlicesEqualWhole(t *testing.T) {
	for seed := range uint64(150) {
		r := rand.New(rand.NewPCG(seed, 1))
		text := scanText(r, 1+r.IntN(60))
		limits := DefaultLimits
		limits.Line = 2000
		cuts := 1 + r.IntN(8)
		checkSlices(t, objectOf("x", text), randomSlices(r, int64(len(text)), cuts), limits)
		for f, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
			data, starts := compressed(t, r, text, f, 1+r.IntN(6))
			checkSlices(t, objectOf("x"+ending, data), randomSlices(r, int64(len(data)), cuts), limits)
			checkSlices(t, objectOf("x"+ending, data), atStarts(starts, int64(len(data))), limits)
			plain, _ := readAll(t, objectOf("x", text), whole, limits)
			if got, _ := readAll(t, objectOf("y", data), whole, limits); !slices.Equal(got, plain) {
				t.Errorf("seed %d: %s differs from plain", seed, ending)
			}
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// atStarts cuts exactly where members start, and one octet behind.
func atStarts(starts []int64, size int64) (out []Slice) {
	from := int64(0)
	for i, at := range append(starts, size) {
		to := min(at+int64(i%2), size)
		out = append(out, Slice{from, to})
		from = to
	}
	return append(out, Slice{from, size})
}

func TestPlainSlicesAtEveryOffset(t *testing.T) {
	text := []byte("{}\n\n{\"data\":{\"a\":null}}\nx\n{}")
	for from := range len(text) + 1 {
		for to := from; to <= len(text); to++ {
			checkSlices(t, objectOf("x", text), []Slice{{0, int64(from)}, {int64(from), int64(to)}, {int64(to), int64(len(text))}}, DefaultLimits)
		}
	}
}

// TestOneMemberIsReadByTheFirstSlice wants that other slices neither read lines nor much of the object.
func TestOneMemberIsReadByTheFirstSlice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for f, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
		data, _ := compressed(t, r, scanText(r, 2000), f, 1)
		size := int64(len(data))
		_, first := readAll(t, objectOf("x"+ending, data), Slice{0, size / 2}, DefaultLimits)
		_, second := readAll(t, objectOf("x"+ending, data), Slice{size / 2, size}, DefaultLimits)
		if first.Lines != 2000 || first.End != size || second.Lines != 0 || second.End != 0 || second.Bytes > size {
			t.Errorf("%s: %+v and %+v", ending, first, second)
		}
	}
}

func TestCutOffAndDamaged(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	text := scanText(r, 3000)
	for f, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
		data, _ := compressed(t, r, text, f, 3)
		want, _ := readAll(t, objectOf("x"+ending, data), whole, DefaultLimits)
		damaged := bytes.Clone(data)
		copy(damaged[len(data)/2:], "damage here, damage there")
		for name, broken := range map[string][]byte{
			"cut": data[:len(data)/2], "cut in header": data[:3], "damaged": damaged, "garbage behind": append(bytes.Clone(data), "garbage"...),
		} {
			got, counts := readAll(t, objectOf("x"+ending, broken), whole, DefaultLimits)
			last := got[len(got)-1]
			if !strings.Contains(last, "/-1 lost 0 want -1") || !strings.Contains(last, "cut off or damaged") || !strings.HasPrefix(last, fmt.Sprint(counts.Lines+1)) {
				t.Errorf("%s %s: last is %s, %+v", ending, name, last, counts)
			}
			if counts.End != 0 {
				t.Errorf("%s %s: members end at %d", ending, name, counts.End)
			}
			rows := got[:len(got)-1]
			if n := len(rows); n > 0 && strings.Contains(rows[n-1], "line is cut off") {
				rows = rows[:n-1]
			}
			if len(rows) > len(want) || !slices.Equal(rows, want[:len(rows)]) {
				t.Errorf("%s %s: rows before the damage differ", ending, name)
			}
		}
	}
}

func TestFalseStartsAreSeenThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for f, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
		var data []byte
		for range 4 { // members whose names or skippable frames look like the beginning of others
			if f == gzipLines {
				var b bytes.Buffer
				w := gzip.NewWriter(&b)
				w.Extra = append([]byte{0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6}, "\x1f\x8b\x08\x00 no member"...)
				w.Write(scanText(r, 10))
				w.Close()
				data = append(data, b.Bytes()...)
				continue
			}
			data = append(data, skippable(4)[:8]...)
			data = append(data, zstdMagic...)
			data = append(data, oneMember(t, r, scanText(r, 10), f)...)
		}
		for range 50 {
			checkSlices(t, objectOf("x"+ending, data), randomSlices(r, int64(len(data)), 5), DefaultLimits)
		}
	}
}

// TestSlicesFitAroundDamage: wherever an object is cut, a damaged member is rejected by a slice, and those before it are
// read. The slice that it lies in does not find it, so that the one before has to tell.
func TestSlicesFitAroundDamage(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 10))
		for f, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
			var data []byte
			starts := []int64{}
			for i := range 8 {
				starts = append(starts, int64(len(data)))
				data = append(data, oneMember(t, r, fmt.Appendf(nil, "\"member %d\"\n%s\n", i, scanText(r, 30)), f)...)
			}
			damaged := r.IntN(len(starts))
			end := append(starts, int64(len(data)))[damaged+1]
			for i := starts[damaged] + r.Int64N(end-starts[damaged]); i < end; i++ {
				data[i] ^= 0x55
			}
			checkAroundDamage(t, objectOf("x"+ending, data), randomSlices(r, int64(len(data)), 6), damaged)
			if t.Failed() {
				t.Fatalf("seed %d, %s: member %d is damaged", seed, ending, damaged)
			}
		}
	}
}

// checkAroundDamage wants slices that fit together but where one of them tells of damage, which one of them does, and the
// members before it.
func checkAroundDamage(t *testing.T, obj Object, cuts []Slice, damagedMember int) {
	t.Helper()
	const unknown = -1
	end, told := int64(0), 0
	seen := ""
	for _, s := range cuts {
		out, counts := readAll(t, obj, s, DefaultLimits)
		seen += strings.Join(out, "\n")
		damaged := len(out) > 0 && strings.Contains(out[len(out)-1], "object is cut off or damaged")
		if damaged {
			told++
			end = unknown
		}
		if counts.End == 0 {
			continue
		}
		if end != unknown && counts.Start != end {
			t.Errorf("slice %v starts at %d, the one before ends at %d", s, counts.Start, end)
		}
		if !damaged {
			end = counts.End
		}
	}
	if end != unknown && end != obj.Size || told == 0 {
		t.Errorf("slices %v: %d tell of damage, the last member ends at %d of %d", cuts, told, end, obj.Size)
	}
	for i := range damagedMember {
		if n := strings.Count(seen, fmt.Sprintf("member %d", i)); n != 1 {
			t.Errorf("slices %v: member %d was read %d times", cuts, i, n)
		}
	}
}

// TestBombStaysStreaming reads a member that grows a thousandfold and holds one line.
func TestBombStaysStreaming(t *testing.T) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.CopyN(w, infinite{}, 200<<20); err != nil {
		t.Fatal(err)
	}
	w.Close()
	limits := DefaultLimits
	limits.Line = 1 << 20
	got, counts := readAll(t, objectOf("bomb.gz", b.Bytes()), whole, limits)
	if len(got) != 1 || counts.Rejected != 1 {
		t.Errorf("got %q, %+v", got, counts)
	}
}

func TestWindowIsLimited(t *testing.T) {
	frame := append(bytes.Clone(zstdMagic), 0x00, (31-10)<<3, 1, 0, 0) // a window of 2 GiB, an empty last block
	got, _ := readAll(t, objectOf("x.zst", frame), whole, DefaultLimits)
	if len(got) != 1 || !strings.Contains(got[0], "window") {
		t.Errorf("got %q", got)
	}
}

func TestStoreErrorsInCompressedObjects(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	broken := errors.New("connection reset")
	for f, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
		data, starts := compressed(t, r, bytes.Repeat(scanText(r, 100), 3), f, 3)
		for _, s := range []Slice{{0, int64(len(data))}, {starts[1], int64(len(data))}} {
			obj := Object{Name: "x" + ending, Size: int64(len(data)), ReaderAt: flaky{bytes.NewReader(data), 10, broken}}
			reader, err := Open(context.Background(), obj, s, nil, DefaultLimits)
			for err == nil {
				_, err = reader.Next()
			}
			if !errors.Is(err, broken) {
				t.Errorf("%s %v: error %v, want %v", ending, s, err, broken)
			}
		}
	}
}

func FuzzSlices(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed, []byte("{}\n{\"data\":{\"a\":null}}\n"), uint8(3), uint8(2))
	}
	f.Fuzz(func(t *testing.T, seed uint64, text []byte, cuts, members uint8) {
		r := rand.New(rand.NewPCG(seed, 9))
		n := 1 + int(cuts)%10
		limits := DefaultLimits
		limits.Line = 200
		checkSlices(t, objectOf("x.jsonl", append([]byte("\n"), text...)), randomSlices(r, int64(len(text)+1), n), limits)
		for format, ending := range map[objectFormat]string{gzipLines: ".gz", zstdLines: ".zst"} {
			data, _ := compressed(t, r, text, format, 1+int(members)%6)
			checkSlices(t, objectOf("x"+ending, data), randomSlices(r, int64(len(data)), n), limits)
		}
	})
}

// FuzzCompressed reads what may be no compressed object at all.
func FuzzCompressed(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, format := range []objectFormat{gzipLines, zstdLines} {
		data, _ := compressed(f, r, scanText(r, 5), format, 2)
		f.Add(data, uint16(0))
		f.Add(data[:len(data)/2], uint16(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, from uint16) {
		limits := DefaultLimits
		limits.Line = 1000
		readAll(t, objectOf("x.gz", data), Slice{int64(from), int64(len(data))}, limits)
		readAll(t, objectOf("x.zst", data), Slice{int64(from), int64(len(data))}, limits)
	})
}
