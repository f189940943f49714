package record

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
)

type roundInner struct {
	Name string  `tape:"name"`
	Size *int64  `tape:"size"`
	Tags []*bool `tape:"tags"`
}

// roundShape has every way in which values nest.
type roundShape struct {
	Flag   bool                           `tape:"flag"`
	N      *int64                         `tape:"n"`
	F      float64                        `tape:"f"`
	S      string                         `tape:"s"`
	P      *string                        `tape:"p"`
	At     *tape.Time                     `tape:"at"`
	In     roundInner                     `tape:"in"`
	Ptr    *roundInner                    `tape:"ptr"`
	List   []string                       `tape:"list"`
	Maybe  *[]int64                       `tape:"maybe"`
	Nested [][]*roundInner                `tape:"nested"`
	Map    tape.Pairs[*string]            `tape:"map"`
	Maps   []tape.Pairs[[]roundInner]     `tape:"maps"`
	Deep   tape.Pairs[tape.Pairs[[]bool]] `tape:"deep"`
}

func maybe[T any](r *rand.Rand, v T) *T {
	if r.IntN(2) == 0 {
		return nil
	}
	return &v
}

func several[T any](r *rand.Rand, make func() T) (list []T) {
	for range r.IntN(4) {
		list = append(list, make())
	}
	return list
}

func pairsOf[T any](r *rand.Rand, make func() T) (pairs tape.Pairs[T]) {
	for i := range r.IntN(4) {
		pairs = append(pairs, tape.Pair[T]{Key: strconv.Itoa(9 - i), Value: make()})
	}
	return pairs
}

func randomRound(r *rand.Rand) (v roundShape) {
	word := func() string { return []string{"", "a", "bc"}[r.IntN(3)] }
	inner := func() roundInner {
		return roundInner{word(), maybe(r, int64(r.IntN(2))), several(r, func() *bool { return maybe(r, r.IntN(2) == 0) })}
	}
	v.Flag, v.N, v.F, v.S, v.P = r.IntN(2) == 0, maybe(r, int64(r.Uint64())), float64(r.IntN(3)), word(), maybe(r, word())
	v.At, v.In, v.Ptr = maybe(r, tape.Time(r.IntN(3))), inner(), maybe(r, inner())
	v.List, v.Maybe = several(r, word), maybe(r, several(r, func() int64 { return int64(r.IntN(3)) }))
	v.Nested = several(r, func() []*roundInner { return several(r, func() *roundInner { return maybe(r, inner()) }) })
	v.Map = pairsOf(r, func() *string { return maybe(r, word()) })
	v.Maps = several(r, func() tape.Pairs[[]roundInner] {
		return pairsOf(r, func() []roundInner { return several(r, inner) })
	})
	v.Deep = pairsOf(r, func() tape.Pairs[[]bool] {
		return pairsOf(r, func() []bool { return several(r, func() bool { return r.IntN(2) == 0 }) })
	})
	return v
}

// TestReadingInvertsWriting writes tapes with the package's own writer and reads the same tapes back.
func TestReadingInvertsWriting(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	shape := tape.Of[roundShape]()
	var want [][]byte
	for range 3000 {
		v := randomRound(r)
		want = append(want, tape.Append(shape, nil, &v))
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, shape, WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range want {
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	reader, err := openParquetTable(context.Background(), objectOf("x", out.Bytes()), everything, shape, DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	for i, tape := range want {
		row, err := reader.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(row.Result, tape) {
			t.Fatalf("row %d: got %x, want %x", i, row.Result, tape)
		}
	}
	if _, err := reader.Next(); err != io.EOF {
		t.Errorf("got %v behind the last row", err)
	}
}
