package worker

import (
	"fmt"
	"testing"

	"github.com/dice-engine/dice/internal/words"
)

func numbered(n int) words.Hashed { return words.Hash(fmt.Append(nil, n)) }

// TestMemoForgetsAndNeverLies: whatever was forgotten, an answer is that of its key, and memory stays bounded.
func TestMemoForgetsAndNeverLies(t *testing.T) {
	m := newMemo[int](10_000)
	hits := 0
	for i := range 100_000 {
		n := i * 7919 % 997
		if i%10 == 0 {
			n = 5 // asked for often
		}
		key := numbered(n)
		got, ok := m.get(key)
		if ok && got != n {
			t.Fatalf("key %d has answer %d", n, got)
		}
		if ok {
			hits++
		} else {
			m.put(key, n, 8)
		}
		if m.young.keys.Len()+m.old.keys.Len() > 2*10_000/entryOverhead+2 {
			t.Fatalf("%d entries", m.young.keys.Len()+m.old.keys.Len())
		}
	}
	if hits < 9_000 {
		t.Errorf("%d hits: what is asked for often was forgotten", hits)
	}
}

// TestMemoCountsWhatItKeeps: an answer that is asked for again and outlives its generation counts as much as before.
func TestMemoCountsWhatItKeeps(t *testing.T) {
	const limit, large = 10_000, 1_000
	m := newMemo[int](limit)
	for i := range 200 {
		for n := range i { // each is asked for in every round
			m.get(numbered(n))
		}
		m.put(numbered(i), i, large)
		if held := (m.young.keys.Len() + m.old.keys.Len()) * large; held > 2*limit {
			t.Fatalf("answers of %d octets are held, at most %d", held, 2*limit)
		}
	}
}

// TestMemoPutTwice: an answer that is given twice leaves all others with their keys.
func TestMemoPutTwice(t *testing.T) {
	m := newMemo[int](10_000)
	for _, n := range []int{1, 1, 2, 1, 3} {
		m.put(numbered(n), n, 8)
	}
	for n := 1; n <= 3; n++ {
		if got, ok := m.get(numbered(n)); !ok || got != n {
			t.Errorf("key %d has answer %d, %t", n, got, ok)
		}
	}
}

func TestLabelSets(t *testing.T) {
	set := joinLabels("b", "a", "b")
	if got := splitLabels(nil, set); fmt.Sprint(got) != "[a b]" {
		t.Errorf("got %q", got)
	}
	if joinLabels() != "" || len(splitLabels(nil, "")) != 0 {
		t.Error("the empty set is not empty")
	}
}

// BenchmarkMemo: a certificate's text that is remembered, and one that is not.
func BenchmarkMemo(b *testing.B) {
	texts := make([][]byte, 1<<14)
	for i := range texts {
		texts[i] = fmt.Appendf(nil, "%01100x", i)
	}
	for _, c := range []struct {
		name     string
		distinct int
	}{{"known", 1 << 10}, {"new", len(texts)}} {
		b.Run(c.name, func(b *testing.B) {
			m := newMemo[int](memoBytes)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				key := words.Hash(texts[i%c.distinct])
				if _, ok := m.get(key); !ok {
					m.put(key, i, 400)
				}
			}
		})
	}
}
