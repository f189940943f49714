package words

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// TestListAgainstMap: numbers, texts and what is known are those of a map and a slice, through forgetting and resetting.
func TestListAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l List
	numbers, texts := map[string]int32{}, []string{}
	for i := range 300_000 {
		text := text(random)
		number, known := l.Find(Hash([]byte(text)))
		want, wanted := numbers[text]
		if known != wanted || known && number != want {
			t.Fatalf("step %d: Find(%q) = %d, %t, want %d, %t", i, text, number, known, want, wanted)
		}
		switch {
		case random.IntN(10) == 0:
			number, want = l.Append([]byte(text)), int32(len(texts))
			texts = append(texts, text)
		default:
			if !wanted {
				want = int32(len(texts))
				numbers[text], texts = want, append(texts, text)
			}
			number = l.Number([]byte(text))
		}
		if number != want || l.Len() != len(texts) {
			t.Fatalf("step %d: %q has number %d of %d, want %d of %d", i, text, number, l.Len(), want, len(texts))
		}
		switch random.IntN(20_000) {
		case 0:
			l.Forget()
			clear(numbers)
		case 1:
			same(t, &l, texts)
			l.Reset(1 << 10)
			clear(numbers)
			texts = texts[:0]
		}
	}
	same(t, &l, texts)
}

// text returns one that was there before or not, or nothing.
func text(random *rand.Rand) string {
	if n := random.IntN(1 << random.IntN(20)); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

func same(t *testing.T, l *List, texts []string) {
	t.Helper()
	octets := 0
	for i, want := range texts {
		octets += len(want)
		if got := l.Text(int32(i)); got == nil || string(got) != want {
			t.Fatalf("text %d is %q, want %q", i, got, want)
		}
	}
	if l.Octets() != octets {
		t.Errorf("%d octets, want %d", l.Octets(), octets)
	}
}

// TestReset: a list that was large once is small afterwards.
func TestReset(t *testing.T) {
	var l List
	for i := range 100_000 {
		l.Number(fmt.Append(nil, i))
	}
	l.Reset(1 << 10)
	if cap(l.data) > 1<<10 || 8*cap(l.ends) > 1<<10 {
		t.Errorf("%d octets and %d numbers are held", cap(l.data), cap(l.ends))
	}
	l.Number([]byte("a"))
	l.Reset(1 << 10)
	if len(l.slots) > fewSlots {
		t.Errorf("%d slots are held after one text", len(l.slots))
	}
}

// TestSameHash: texts whose hashes are the same are told apart.
func TestSameHash(t *testing.T) {
	var l List
	first := l.Number([]byte("first"))
	at, _ := l.find(Hash([]byte("first")))
	second := Hash([]byte("second"))
	l.slots[at] = slot{}
	l.slots[second.hash&uint32(len(l.slots)-1)] = slot{second.hash, first + 1}
	if n, known := l.Find(second); known {
		t.Errorf("the second text is known as %d", n)
	}
	if n := l.NumberHashed(second); n != first+1 {
		t.Errorf("the second text has number %d", n)
	}
}

func ExampleList() {
	var l List
	for _, text := range []string{"mqtt", "xmpp", "mqtt"} {
		fmt.Println(l.Number([]byte(text)))
	}
	// Output:
	// 0
	// 1
	// 0
}

func BenchmarkNumber(b *testing.B) {
	texts := make([][]byte, 1<<14)
	for i := range texts {
		texts[i] = fmt.Appendf(nil, "%064x", i)
	}
	for _, c := range []struct {
		name  string
		reset int
	}{{"new", len(texts)}, {"known", 1 << 30}} {
		b.Run(c.name, func(b *testing.B) {
			var l List
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%c.reset == 0 {
					l.Reset(4 << 20)
				}
				l.Number(texts[i%len(texts)])
			}
		})
	}
}
