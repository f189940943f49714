package record

import (
	"github.com/dice-engine/dice/internal/grow"
	"github.com/dice-engine/dice/internal/tape"
)

// Fragment is the value of a field, or an element of one, to be put into many rows: it is taken apart once for all
// rows of a row group. It belongs to one Writer.
type Fragment struct {
	field   int
	element bool
	value   []byte
	group   int64 // the row group that it was taken apart for

	parts       []part // by column
	definitions []byte
	repetitions []byte
	numbers     []int64
	codes       []int32
}

// part is how much of a fragment goes to one column.
type part struct{ entries, values uint32 }

// Fragment makes a fragment of the value of a field: field counts from 1, value is the tape that follows the field's
// number in a row. It must stay as it is as long as the fragment is used.
func (w *Writer) Fragment(field int, value []byte) *Fragment {
	return &Fragment{field: field, value: value}
}

// Element is Fragment for one element, after its mark, of a field that is a plain list, for Add.
func (w *Writer) Element(field int, value []byte) *Fragment {
	return &Fragment{field: field, value: value, element: true}
}

// resolve takes a fragment apart for the row group in hand.
func (w *Writer) resolve(f *Fragment) {
	p, c := w.root.fields[f.field-1], &tape.Cursor{Rest: f.value}
	if f.element {
		w.shredder.elem(c, p, tape.Present, 0, 1)
	} else {
		w.shredder.field(c, p, 0, 0)
	}
	f.parts, f.definitions, f.repetitions = f.parts[:0], f.definitions[:0], f.repetitions[:0]
	f.numbers, f.codes = f.numbers[:0], f.codes[:0]
	for i := p.first; i < p.last; i++ {
		c, e := w.columns[i], &w.shredder.out[i]
		f.parts = append(f.parts, part{uint32(len(e.definitions)), uint32(len(e.numbers) + len(e.texts))})
		f.definitions = append(f.definitions, e.definitions...)
		f.repetitions = append(f.repetitions, e.repetitions...)
		f.numbers = append(f.numbers, e.numbers...)
		before := c.words.Octets()
		for _, text := range e.texts {
			f.codes = append(f.codes, c.words.number(text))
		}
		if !c.words.plain {
			w.held.octets += int64(c.words.Octets() - before)
		}
		e.reset()
	}
	f.group = w.group
}

// Put puts a fragment as the value of its field.
func (w *Writer) Put(f *Fragment) {
	w.catchUp(f.field)
	w.put(f, 0)
}

// put appends a fragment to its columns, with a repetition level for the first entry in each.
func (w *Writer) put(f *Fragment, repetition byte) {
	if f.group != w.group {
		w.resolve(f)
	}
	w.held.octets += entrySize * int64(len(f.definitions))
	columns := w.columns[w.root.fields[f.field-1].first:]
	definitions, repetitions, numbers, codes := f.definitions, f.repetitions, f.numbers, f.codes
	for i, part := range f.parts {
		c := columns[i]
		c.definitions = grow.Append(c.definitions, definitions[:part.entries])
		definitions = definitions[part.entries:]
		if c.maxRepetition > 0 {
			c.repetitions = grow.Append(append(c.repetitions, repetition), repetitions[1:part.entries])
			repetitions = repetitions[part.entries:]
		}
		switch {
		case part.values == 0:
		case c.isText():
			c.codes = grow.Append(c.codes, codes[:part.values])
			if c.words.plain {
				w.held.octets += c.words.length(codes[:part.values])
			}
			codes = codes[part.values:]
		default:
			c.numbers = grow.Append(c.numbers, numbers[:part.values])
			numbers = numbers[part.values:]
		}
	}
}

// Add adds a fragment as the next element of its field, a plain list.
func (w *Writer) Add(f *Fragment) { w.put(f, w.nextElement(f.field)) }

// AddValue adds a value, that of Element, as the next element of a field that is a plain list.
func (w *Writer) AddValue(field int, value []byte) {
	p := w.root.fields[field-1]
	repetition := w.nextElement(field)
	w.shredder.elem(&tape.Cursor{Rest: value}, p, tape.Present, int(repetition), 1)
	w.take(p)
}

// nextElement counts the row in hand for a list, and returns the repetition level of its next element.
func (w *Writer) nextElement(field int) byte {
	if w.filled[field-1] > w.held.rows { // it has elements already
		return byte(w.root.fields[field-1].repetition)
	}
	w.catchUp(field)
	return 0
}

// Value puts a value, that of Fragment, as the value of its field. Use it for what is not met again.
func (w *Writer) Value(field int, value []byte) {
	w.catchUp(field)
	p := w.root.fields[field-1]
	w.shredder.field(&tape.Cursor{Rest: value}, p, 0, 0)
	w.take(p)
}
