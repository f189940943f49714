package shard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// randomInputs makes inputs of odd sizes, in order.
func randomInputs(r *rand.Rand) []Input {
	inputs := make([]Input, r.IntN(40))
	for i := range inputs {
		inputs[i] = Input{URL: fmt.Sprintf("in/%03d", i), Size: r.Int64N(1 << r.IntN(20))}
	}
	return inputs
}

// TestCutCoversEveryOctetOnce: for random inputs and targets, slices follow each other without gap or overlap.
func TestCutCoversEveryOctetOnce(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 0))
		inputs, target := randomInputs(r), 64+r.Int64N(1<<r.IntN(18))
		next, offset := 0, int64(0)
		shards := Cut(inputs, 5, target, true)
		if n := Pieces(inputs, target); n > int64(len(shards)) || int64(len(shards)) > n+int64(len(inputs)) {
			t.Fatalf("seed %d: %d shards of %d inputs, %d pieces", seed, len(shards), len(inputs), n)
		}
		for _, s := range shards {
			if len(s.Slices) == 0 || len(s.Slices) > maxSlices || !s.Side {
				t.Fatalf("seed %d: shard %+v", seed, s)
			}
			for _, slice := range s.Slices {
				if slice.Input != next+5 || slice.From != offset || slice.To < slice.From {
					t.Fatalf("seed %d: slice %+v, want input %d from %d", seed, slice, next+5, offset)
				}
				if offset = slice.To; offset == inputs[next].Size {
					next, offset = next+1, 0
				}
			}
		}
		if next != len(inputs) {
			t.Fatalf("seed %d: %d of %d inputs covered", seed, next, len(inputs))
		}
	}
}

func TestCutSharesAndSplits(t *testing.T) {
	inputs := []Input{{Size: 4}, {Size: 5}, {Size: 2}, {Size: 31}, {Size: 14}, {Size: 0}}
	got := Cut(inputs, 0, 10, false)
	want := []Shard{
		{Slices: []Slice{{0, 0, 4}, {1, 0, 5}}},
		{Slices: []Slice{{2, 0, 2}}},
		{Slices: []Slice{{3, 0, 7}}}, {Slices: []Slice{{3, 7, 14}}}, {Slices: []Slice{{3, 14, 21}}}, {Slices: []Slice{{3, 21, 31}}},
		{Slices: []Slice{{4, 0, 14}}},
		{Slices: []Slice{{5, 0, 0}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}

func TestKeyPartitions(t *testing.T) {
	for size, want := range map[int64]int{0: 1, 1: 1, 128 << 20: 1, 128<<20 + 1: 2, 1 << 30: 8, 1 << 50: 64} {
		if got := KeyPartitions([]Input{{Size: size}}); got != want {
			t.Errorf("%d octets: %d partitions, want %d", size, got, want)
		}
	}
}

func TestStreams(t *testing.T) {
	inputs := []Input{
		{URL: "a.jsonl.gz", Size: 30}, {URL: "b.jsonl.zst", Size: 9}, {URL: "c.jsonl", Size: 30}, {URL: "d.jsonl.GZ", Size: 31}, {URL: "e.zstd", Size: 40},
		{URL: "f.parquet", Size: 40},
	}
	shards := append(Cut(inputs[:4], 0, 10, false), Cut(inputs[4:], 4, 10, true)...)
	if got, want := Streams(inputs, shards), []int{0, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: what is compressed and was cut", got, want)
	}
}

// TestPartsOfText: the parts of a text that belong to an object's slices cover it, in order.
func TestPartsOfText(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		in := Input{URL: "a.gz", Size: 1 + r.Int64N(1<<r.IntN(62))}
		text := &UnpackResult{Size: r.Int64N(1 << r.IntN(62))}
		end := int64(0)
		for _, s := range Cut([]Input{in}, 0, 1+in.Size/(1+r.Int64N(20)), false) {
			from, to := text.Part(s.Slices[0], in.Size)
			if from != end || to < from {
				t.Fatalf("object of %d, text of %d octets: part [%d, %d) after %d", in.Size, text.Size, from, to, end)
			}
			end = to
		}
		if end != text.Size {
			t.Fatalf("object of %d: %d of %d octets of text are covered", in.Size, end, text.Size)
		}
	}
}

// TestSideInputs: side tables are told from scans, however shards cut them and share them.
func TestSideInputs(t *testing.T) {
	scans := []Input{{URL: "a", Size: 1000}, {URL: "b", Size: 1}, {URL: "c", Size: 1}}
	side := []Input{{URL: "d", Size: 1000}, {URL: "e", Size: 1}}
	p := Plan{Inputs: slices.Concat(scans, side), Shards: append(Cut(scans, 0, 300, false), Cut(side, len(scans), 300, true)...)}
	if got, want := p.SideInputs(), []bool{false, false, false, true, true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
