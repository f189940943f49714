package record

import "github.com/dice-engine/dice/internal/tape"

// place is a node of the shape with its whereabouts among the columns.
type place struct {
	node        *tape.Node
	first, last int // columns below it: [first, last)
	repetition  int // of a list or map: the repetition level of its further elements
	fields      []*place
	elem        *place
}

func newPlace(n *tape.Node, column, repetition int) *place {
	p := &place{node: n, first: column, last: column + 1}
	switch n.Kind {
	case tape.Struct:
		for _, field := range n.Fields {
			if field.Check { // no tape holds it
				p.fields = append(p.fields, &place{node: field, first: column, last: column})
				continue
			}
			child := newPlace(field, column, repetition)
			p.fields = append(p.fields, child)
			column = child.last
		}
		p.last = column
	case tape.List, tape.Map:
		if n.Kind == tape.Map {
			column++ // the keys
		}
		p.repetition = repetition + 1
		p.elem = newPlace(n.Elem, column, p.repetition)
		p.last = p.elem.last
	}
	return p
}

// entries are values of one column on their way there, with their levels.
type entries struct {
	definitions []byte
	repetitions []byte   // empty in columns that do not repeat
	numbers     []int64  // of what is present: integers, booleans, the bits of floats
	texts       [][]byte // of what is present in columns of texts
}

func (e *entries) reset() {
	clear(e.texts) // they may be large
	e.definitions, e.repetitions, e.numbers, e.texts = e.definitions[:0], e.repetitions[:0], e.numbers[:0], e.texts[:0]
}

// shredder takes tapes apart into entries, column by column. Texts are not copied, but for bare ones with escapes.
type shredder struct {
	columns []*columnWriter
	out     []entries // by column
}

func (s *shredder) put(column, repetition, definition int) *entries {
	e := &s.out[column]
	e.definitions = append(e.definitions, byte(definition))
	if s.columns[column].maxRepetition > 0 {
		e.repetitions = append(e.repetitions, byte(repetition))
	}
	return e
}

// absent appends what stands for a value that is not there: one entry in every column below it.
func (s *shredder) absent(p *place, repetition, definition int) {
	for column := p.first; column < p.last; column++ {
		s.put(column, repetition, definition)
	}
}

// value appends a present value. definition counts what is present down to this value.
func (s *shredder) value(c *tape.Cursor, p *place, repetition, definition int) {
	switch p.node.Kind {
	case tape.Struct:
		s.members(c, p, repetition, definition)
	case tape.List, tape.Map:
		s.elems(c, p, repetition, definition)
	default:
		s.scalar(c, p, repetition, definition)
	}
}

func (s *shredder) scalar(c *tape.Cursor, p *place, repetition, definition int) {
	e := s.put(p.first, repetition, definition)
	switch p.node.Kind {
	case tape.Bool:
		e.numbers = append(e.numbers, int64(c.Byte()))
	case tape.Float:
		e.numbers = append(e.numbers, floatBits(c.Float()))
	case tape.String, tape.AnyJSON:
		text := c.String()
		if p.node.Bare {
			text = bareText(text)
		}
		e.texts = append(e.texts, text)
	default:
		e.numbers = append(e.numbers, c.Int())
	}
}

// field appends a field of a struct that is there.
func (s *shredder) field(c *tape.Cursor, p *place, repetition, definition int) {
	if nullable(p.node) {
		definition++
	}
	s.value(c, p, repetition, definition)
}

func (s *shredder) members(c *tape.Cursor, p *place, repetition, definition int) {
	next := c.Byte()
	for i, field := range p.fields {
		if int(next) != i+1 {
			s.absent(field, repetition, definition)
			continue
		}
		s.field(c, field, repetition, definition)
		next = c.Byte()
	}
}

func (s *shredder) elems(c *tape.Cursor, p *place, repetition, definition int) {
	mark := c.Byte()
	if mark == tape.End {
		s.absent(p, repetition, definition)
		return
	}
	for ; mark != tape.End; mark = c.Byte() {
		s.elem(c, p, mark, repetition, definition+1)
		repetition = p.repetition
	}
}

// elem appends an element of a list or a map, which begins after its mark.
func (s *shredder) elem(c *tape.Cursor, p *place, mark byte, repetition, definition int) {
	if p.node.Kind == tape.Map {
		e := s.put(p.first, repetition, definition)
		e.texts = append(e.texts, c.String())
	}
	switch {
	case mark == tape.Null:
		s.absent(p.elem, repetition, definition)
	case p.elem.node.Optional:
		s.value(c, p.elem, repetition, definition+1)
	default:
		s.value(c, p.elem, repetition, definition)
	}
}
