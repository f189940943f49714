package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
)

// gate counts the inputs that are open.
type gate struct {
	mu        sync.Mutex
	now, most int
}

func (g *gate) open(r io.Reader) io.ReadCloser {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.most = max(g.most, g.now)
	return gated{r, g}
}

func (g *gate) opener(data []byte) opener {
	return func() (io.ReadCloser, error) { return g.open(bytes.NewReader(data)), nil }
}

type gated struct {
	io.Reader
	gate *gate
}

func (g gated) Close() error {
	g.gate.mu.Lock()
	defer g.gate.mu.Unlock()
	g.gate.now--
	return nil
}

type broken struct{ error }

func (b broken) Read([]byte) (int, error) { return 0, b.error }

type shutter struct {
	io.Reader
	error
}

func (s shutter) Close() error { return s.error }

func TestMerge(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 64, 65, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			runs := make([][][]byte, n)
			var all [][]byte
			for i := range runs {
				runs[i] = records(r, r.IntN(200)) // some are empty
				all = append(all, runs[i]...)
			}
			want := sorted(all)
			for _, budget := range []int{0, 1 << 20, 64 << 20} {
				r.Shuffle(n, func(i, j int) { runs[i], runs[j] = runs[j], runs[i] })
				sameRecords(t, mergeAll(t, runs, budget), want)
			}
		})
	}
}

func mergeAll(t *testing.T, runs [][][]byte, budget int) [][]byte {
	t.Helper()
	data := make([][]byte, len(runs))
	for i, recs := range runs {
		data[i] = encode(t, sorted(recs))
	}
	gate := &gate{}
	inputs := make([]opener, len(runs))
	for i := range inputs {
		inputs[i] = gate.opener(data[i])
	}
	it, err := Merge(inputs, budget, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	got := collect(t, it)
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	if gate.now != 0 || gate.most > maxFan {
		t.Errorf("inputs left open: %d; open at a time: %d, limit %d", gate.now, gate.most, maxFan)
	}
	return got
}

// TestMergeFails breaks one input in each way it can break.
func TestMergeFails(t *testing.T) {
	boom := errors.New("boom")
	good := encode(t, [][]byte{[]byte("a"), []byte("b")})
	bad := map[string]opener{
		"open": func() (io.ReadCloser, error) { return nil, boom },
		"read": func() (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(good), broken{boom})), nil
		},
		"close": func() (io.ReadCloser, error) { return shutter{bytes.NewReader(good), boom}, nil },
	}
	for name, open := range bad {
		for _, n := range []int{1, 5, 100} {
			gate := &gate{}
			inputs := make([]opener, n)
			for i := range inputs {
				inputs[i] = gate.opener(good)
			}
			inputs[n/2] = open
			if err := mergeError(inputs, t.TempDir()); !errors.Is(err, boom) {
				t.Errorf("%s, %d inputs: got %v", name, n, err)
			}
			if gate.now != 0 {
				t.Errorf("%s, %d inputs: %d left open", name, n, gate.now)
			}
		}
	}
}

func mergeError(inputs []opener, scratch string) (err error) {
	it, err := Merge(inputs, 0, scratch)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	return copyAll(NewWriter(io.Discard), it)
}
