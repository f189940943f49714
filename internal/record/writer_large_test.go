package record

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/dice-engine/dice/internal/tape"
)

// TestLargeWords: texts of any size are told apart by what they are once bad octets became U+FFFD.
func TestLargeWords(t *testing.T) {
	for _, size := range []int{10, dictionaryBytes, dictionaryBytes + 1} {
		var d wordList
		d.reset()
		tail := strings.Repeat("a", size)
		bad, good := "\xff"+tail, "\uFFFD"+tail
		var got []int32
		for _, text := range []string{bad, "b", bad, "b", good, "b", good, "b", bad} {
			got = append(got, d.number([]byte(text)))
		}
		for i, want := range []int32{0, 1, 0, 1, 0, 1, 0, 1, 0} {
			if got[i] != want {
				t.Fatalf("%d octets: numbers %v", size, got)
			}
		}
		if d.Len() != 2 || string(d.Text(0)) != good {
			t.Errorf("%d octets: %d texts", size, d.Len())
		}
	}
}

// TestLargeBoundsAreForgotten: nothing is kept of large values once their pages are written.
func TestLargeBoundsAreForgotten(t *testing.T) {
	type row struct {
		Text string `tape:"text"`
	}
	const rows, size = 60, 2 << 20
	shape := tape.Of[row]()
	w, err := NewWriter(io.Discard, shape, WriterOptions{RowGroupRows: 4})
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(tape.Append(shape, nil, &row{strings.Repeat(string(rune('a'+i%26)), size)})); err != nil {
			t.Fatal(err)
		}
	}
	var held runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&held)
	if held.HeapAlloc > 16*size {
		t.Errorf("%d MiB are held after %d values of 2 MiB", held.HeapAlloc>>20, rows)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
