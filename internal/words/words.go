// Package words numbers texts by their first appearance.
//
// Scans repeat the same texts a million times over, and hold as many that come once. A map of strings to numbers copies
// each into an object of its own, which the garbage collector then follows. A [List] keeps all of them in one buffer:
//
//	var l words.List
//	l.Number([]byte("mqtt")) // 0
//	l.Number([]byte("xmpp")) // 1
//	l.Number([]byte("mqtt")) // 0
//
// [Cut] shortens a text.
package words

import (
	"bytes"
	"hash/maphash"

	"github.com/dice-engine/dice/internal/grow"
)

// List numbers different texts, from 0. The texts lie one behind the other in one buffer, and what finds them holds no
// pointers, so that the garbage collector has nothing to do with them, however many there are. Which numbers texts are
// given depends on nothing but their order. The zero value is empty. A List is for one goroutine.
type List struct {
	data  []byte
	ends  []int  // of the texts in data, by number
	slots []slot // by hash, or behind that: a power of two, of which a quarter is free at least
	taken int
}

// seed is the process's own, so that nobody can make texts that meet.
var seed = maphash.MakeSeed()

// Hashed is a text that was hashed once, to be looked up in several lists. It is valid as long as the text stays as it is.
type Hashed struct {
	text []byte
	hash uint32
}

// Hash returns a text with its hash.
func Hash(text []byte) Hashed { return Hashed{text, uint32(maphash.Bytes(seed, text))} }

// Len is the length of the text in octets.
func (h Hashed) Len() int { return len(h.text) }

// slot says where a text is found. The zero value is free.
type slot struct {
	hash uint32
	next int32 // the text's number and 1
}

const fewSlots = 64

// Len is how many texts there are.
func (l *List) Len() int { return len(l.ends) }

// Octets is how long the texts are together.
func (l *List) Octets() int { return len(l.data) }

// Text returns a text by its number, never nil. It is valid until Reset, and not to be changed.
func (l *List) Text(number int32) []byte {
	start := 0
	if number > 0 {
		start = l.ends[number-1]
	}
	return l.data[start:l.ends[number]]
}

// Find returns the number of a text.
func (l *List) Find(text Hashed) (number int32, known bool) {
	if l.taken == 0 {
		return -1, false
	}
	at, known := l.find(text)
	return l.slots[at].next - 1, known
}

// Number returns the number of a text, which it enters if it is new.
func (l *List) Number(text []byte) int32 { return l.NumberHashed(Hash(text)) }

// NumberHashed is Number for a text that was hashed.
func (l *List) NumberHashed(text Hashed) int32 {
	if 4*(l.taken+1) > 3*len(l.slots) {
		l.grow()
	}
	at, known := l.find(text)
	if known {
		return l.slots[at].next - 1
	}
	number := l.Append(text.text)
	l.slots[at] = slot{text.hash, number + 1}
	l.taken++
	return number
}

// find returns the slot of a text, or the free one for it.
func (l *List) find(text Hashed) (at uint32, known bool) {
	mask := uint32(len(l.slots) - 1)
	for at = text.hash & mask; l.slots[at].next != 0; at = (at + 1) & mask {
		if s := l.slots[at]; s.hash == text.hash && bytes.Equal(l.Text(s.next-1), text.text) {
			return at, true
		}
	}
	return at, false
}

// grow makes room for twice as many texts to be found.
func (l *List) grow() {
	if len(l.slots) == 0 {
		l.slots = make([]slot, fewSlots)
		return
	}
	before := l.slots
	l.slots = make([]slot, 2*len(before))
	mask := uint32(len(l.slots) - 1)
	for _, s := range before {
		if s.next == 0 {
			continue
		}
		i := s.hash & mask
		for l.slots[i].next != 0 {
			i = (i + 1) & mask
		}
		l.slots[i] = s
	}
}

// Append enters a text that is not to be found, and returns its number.
func (l *List) Append(text []byte) int32 {
	if l.data == nil {
		l.data = make([]byte, 0, fewSlots)
	}
	l.data = grow.Append(l.data, text)
	l.ends = append(grow.Room(l.ends, 1), len(l.data))
	return int32(len(l.ends) - 1)
}

// Forget has none of the texts be found any more. They keep their numbers.
func (l *List) Forget() { l.slots, l.taken = nil, 0 }

// Reset empties the list. Buffers are kept for the next texts: up to keep octets, and what finds texts if it was used well.
func (l *List) Reset(keep int) {
	if 16*l.taken < len(l.slots) {
		l.Forget()
	}
	clear(l.slots)
	l.taken = 0
	if cap(l.data) > keep {
		l.data = nil
	}
	if 8*cap(l.ends) > keep {
		l.ends = nil
	}
	l.data, l.ends = l.data[:0], l.ends[:0]
}
