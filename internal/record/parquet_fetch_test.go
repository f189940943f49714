package record

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
)

// counting counts reads, and fails after so many of them if told to.
type counting struct {
	io.ReaderAt
	mu      sync.Mutex
	sizes   []int
	failing int
	err     error
}

func (c *counting) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sizes = append(c.sizes, len(p))
	if c.err != nil && len(c.sizes) > c.failing {
		return 0, c.err
	}
	return c.ReaderAt.ReadAt(p, off)
}

func (c *counting) largest() (size int) {
	for _, s := range c.sizes {
		size = max(size, s)
	}
	return size
}

func countingObject(data []byte) (Object, *counting) {
	c := &counting{ReaderAt: bytes.NewReader(data)}
	return Object{Name: "protocol=p/x.parquet", Size: int64(len(data)), ReaderAt: c}, c
}

func TestCoalesce(t *testing.T) {
	for _, c := range []struct{ in, want []span }{
		{nil, nil},
		{[]span{{100, 200}, {0, 100}}, []span{{0, 200}}},
		{[]span{{0, 1000}, {1040, 2000}}, []span{{0, 2000}}},
		{[]span{{0, 1000}, {1200, 2000}}, []span{{0, 1000}, {1200, 2000}}},
		{[]span{{0, 1000}, {1030, 2000}, {2060, 3000}, {9000, 9100}}, []span{{0, 3000}, {9000, 9100}}},
		{[]span{{0, 1000}, {500, 700}, {1000, 1100}}, []span{{0, 1100}}},
		{[]span{{0, 1 << 30}, {1<<30 + 2<<20, 2 << 30}}, []span{{0, 1 << 30}, {1<<30 + 2<<20, 2 << 30}}},
	} {
		if diff := cmp.Diff(c.want, coalesce(c.in), cmp.AllowUnexported(span{})); diff != "" {
			t.Errorf("want - got +\n%s", diff)
		}
	}
}

func noise(r *rand.Rand, size int) string {
	text := make([]byte, size)
	for i := range text {
		text[i] = byte(r.IntN(256))
	}
	return string(text)
}

type wideShape struct {
	A string `tape:"a"`
	Z string `tape:"z"`
}

func wideFile(t testing.TB, rows, needed, other int, options ...parquet.WriterOption) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	type row struct {
		Status string `parquet:"status"`
		Result struct {
			A  string `parquet:"a"`
			W0 string `parquet:"w0"`
			W1 string `parquet:"w1"`
			Z  string `parquet:"z"`
		} `parquet:"result"`
	}
	all := make([]row, rows)
	for i := range all {
		v := &all[i]
		v.Status = "success"
		v.Result.A, v.Result.Z = noise(r, needed), noise(r, needed)
		v.Result.W0, v.Result.W1 = noise(r, other), noise(r, other)
	}
	return writeGo(t, all, options...)
}

// wideOctets is the size of the chunks of status, a and z in a file.
func wideOctets(t testing.TB, data []byte) (octets int64) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range f.Metadata().RowGroups {
		for _, i := range []int{0, 1, 4} {
			octets += g.Columns[i].MetaData.TotalCompressedSize
		}
	}
	return octets
}

func readWide(t testing.TB, obj Object) (rows int, err error) {
	t.Helper()
	r, err := openParquet(context.Background(), obj, everything, []Want{{"p", tape.Of[wideShape]()}}, DefaultLimits)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for {
		if _, err = r.Next(); err != nil {
			return rows, err
		}
		rows++
	}
}

func TestParquetFetchesNeededColumnsOnly(t *testing.T) {
	data := wideFile(t, 2000, 500, 1500, parquet.MaxRowsPerRowGroup(1000))
	obj, c := countingObject(data)
	rows, err := readWide(t, obj)
	if rows != 2000 || err != io.EOF {
		t.Fatalf("%d rows, %v", rows, err)
	}
	fetched, needed := int64(0), wideOctets(t, data)
	for _, size := range c.sizes {
		fetched += int64(size)
	}
	if float64(fetched-footerTail) > 1.05*float64(needed) {
		t.Errorf("fetched %d octets, needed %d", fetched, needed)
	}
	if len(c.sizes) > 1+2*2 || c.sizes[0] != footerTail {
		t.Errorf("requests %v, want one for the footer and two for each row group", c.sizes)
	}
}

// TestParquetLargeRowGroup reads chunks that are too large to be held whole.
func TestParquetLargeRowGroup(t *testing.T) {
	data := wideFile(t, 2500, 10_000, 10, parquet.PageBufferSize(100_000))
	obj, c := countingObject(data)
	rows, err := readWide(t, obj)
	if rows != 2500 || err != io.EOF {
		t.Fatalf("%d rows, %v", rows, err)
	}
	if c.largest() > fetchPiece {
		t.Errorf("read %d octets at once", c.largest())
	}
}

func TestParquetStoreFaults(t *testing.T) {
	broken := errors.New("connection reset")
	data := wideFile(t, 300, 500, 1500, parquet.MaxRowsPerRowGroup(100))
	whole, c := countingObject(data)
	if _, err := readWide(t, whole); err != io.EOF {
		t.Fatal(err)
	}
	for failing := range len(c.sizes) {
		obj, c := countingObject(data)
		c.failing, c.err = failing, broken
		_, err := readWide(t, obj)
		var reject *RowError
		if !errors.Is(err, broken) || errors.As(err, &reject) {
			t.Errorf("after %d reads: got %v, want the store's error", failing, err)
		}
	}
}

func TestParquetCancelled(t *testing.T) {
	data := wideFile(t, 300, 500, 1500, parquet.MaxRowsPerRowGroup(100))
	ctx, cancel := context.WithCancelCause(context.Background())
	r, err := openParquet(ctx, objectOf("protocol=p/x", data), everything, []Want{{"p", tape.Of[wideShape]()}}, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	why := errors.New("lease lost")
	cancel(why)
	if _, err := r.Next(); !errors.Is(err, why) {
		t.Errorf("got %v, want %v", err, why)
	}
}

// TestParquetAllocations reads a row group without allocating for rows.
func TestParquetAllocations(t *testing.T) {
	obj := objectOf("x", writeGo(t, goRows("mqtt", 50_000, broker)))
	wants := wantOnly("mqtt")
	r, err := openParquet(context.Background(), obj, everything, wants, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	next := func() {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 5000 {
		next()
	}
	perRow := testing.AllocsPerRun(40, func() {
		for range 1000 {
			next()
		}
	}) / 1000
	if perRow > 0.01 {
		t.Errorf("%v allocations a row", perRow)
	}
	if err := r.Close(); err != nil {
		t.Error(fmt.Errorf("close: %w", err))
	}
}
