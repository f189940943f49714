package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	packed "github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
)

// integersOf makes runs and noise below 2^width.
func integersOf(r *rand.Rand, n int, width uint) []int32 {
	all := make([]int32, 0, n)
	for len(all) < n {
		v := int32(r.Uint64() & (1<<width - 1))
		for range 1 + r.IntN(20)*r.IntN(2) {
			all = append(all, v)
		}
	}
	return all[:n]
}

func TestHybridReadsWhatAnotherWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for width := uint(1); width <= 31; width++ {
		want := integersOf(r, 3000, width)
		data, err := (&rle.Encoding{BitWidth: int(width)}).EncodeInt32(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		h := newHybrid(data, width)
		got := make([]uint32, len(want))
		for rest := got; len(rest) > 0; {
			n := min(len(rest), 1+r.IntN(500))
			if err := readHybrid(&h, rest[:n]); err != nil {
				t.Fatalf("width %d: %v", width, err)
			}
			rest = rest[n:]
		}
		for i := range want {
			if got[i] != uint32(want[i]) {
				t.Fatalf("width %d: value %d: got %d, want %d", width, i, got[i], want[i])
			}
		}
	}
}

func TestHybridEnds(t *testing.T) {
	for _, data := range [][]byte{{}, {6}, {0x80}, {3}, {0, 0, 0}, {6, 1}} {
		h := newHybrid(data, 1)
		if err := readHybrid(&h, make([]uint8, 100)); err == nil {
			t.Errorf("%x: no error", data)
		}
	}
	h := newHybrid([]byte{3}, 1) // a group of eight values, and none of them
	if err := readHybrid(&h, make([]uint8, 8)); err == nil {
		t.Error("values behind the end")
	}
	h = newHybrid(nil, 0)
	if err := readHybrid(&h, make([]uint8, 100)); err != nil {
		t.Errorf("width 0: %v", err)
	}
}

func TestDeltaReadsWhatAnotherWrites(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, want := range map[string][]int64{
		"none":     {},
		"one":      {-5},
		"extremes": {math.MaxInt64, math.MinInt64, 0, -1, math.MaxInt64},
		"rising":   {1, 2, 3, 4, 5},
		"noise":    noisyIntegers(r, 1000),
	} {
		data, err := (&packed.BinaryPackedEncoding{}).EncodeInt64(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		d, err := newDelta(append(data, "rest"...))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rest, err := d.rest()
		if err != nil || string(rest) != "rest" {
			t.Errorf("%s: rest %q, %v", name, rest, err)
		}
		var got []int64
		for range want {
			v, err := d.next()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got = append(got, v)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
		if _, err := d.next(); err == nil {
			t.Errorf("%s: no error behind the end", name)
		}
	}
}

func noisyIntegers(r *rand.Rand, n int) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(r.Uint64() >> r.IntN(64))
	}
	return all
}
