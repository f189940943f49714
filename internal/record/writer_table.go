package record

import (
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
)

// table collects rows as Parquet values, column by column. Its columns are those of the schema that schemaNode makes.
type table struct {
	root    *place
	columns [][]parquet.Value
}

// place is a node of the shape with its whereabouts among the columns.
type place struct {
	node        *tape.Node
	first, last int // columns below it: [first, last)
	repetition  int // of a list or map: the repetition level of its further elements
	fields      []*place
	elem        *place
}

func newTable(root *tape.Node) *table {
	p := newPlace(root, 0, 0)
	return &table{root: p, columns: make([][]parquet.Value, p.last)}
}

func newPlace(n *tape.Node, column, repetition int) *place {
	p := &place{node: n, first: column, last: column + 1}
	switch n.Kind {
	case tape.Struct:
		for _, field := range n.Fields {
			if field.Check { // no tape holds it
				p.fields = append(p.fields, &place{node: field})
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

// reset forgets all rows.
func (t *table) reset() {
	for i := range t.columns {
		clear(t.columns[i])
		t.columns[i] = t.columns[i][:0]
	}
}

// add appends one row, the value of a struct without the tape's mark. Its octets must stay as they are until reset.
func (t *table) add(value []byte) { t.value(&tape.Cursor{Rest: value}, t.root, 0, 0) }

func (t *table) put(column int, v parquet.Value, repetition, definition int) {
	t.columns[column] = append(t.columns[column], v.Level(repetition, definition, column))
}

// absent appends what stands for a value that is not there: one entry in every column below it.
func (t *table) absent(p *place, repetition, definition int) {
	for column := p.first; column < p.last; column++ {
		t.put(column, parquet.Value{}, repetition, definition)
	}
}

// value appends a present value. definition counts what is present down to this value.
func (t *table) value(c *tape.Cursor, p *place, repetition, definition int) {
	switch p.node.Kind {
	case tape.Struct:
		t.members(c, p, repetition, definition)
	case tape.List, tape.Map:
		t.elems(c, p, repetition, definition)
	default:
		t.put(p.first, scalar(c, p.node.Kind), repetition, definition)
	}
}

func (t *table) members(c *tape.Cursor, p *place, repetition, definition int) {
	next := c.Byte()
	for i, field := range p.fields {
		if int(next) != i+1 {
			t.absent(field, repetition, definition)
			continue
		}
		depth := definition
		if nullable(field.node) {
			depth++
		}
		t.value(c, field, repetition, depth)
		next = c.Byte()
	}
}

func (t *table) elems(c *tape.Cursor, p *place, repetition, definition int) {
	mark := c.Byte()
	if mark == tape.End {
		t.absent(p, repetition, definition)
		return
	}
	for ; mark != tape.End; mark = c.Byte() {
		if p.node.Kind == tape.Map {
			t.put(p.first, text(c), repetition, definition+1)
		}
		switch {
		case mark == tape.Null:
			t.absent(p.elem, repetition, definition+1)
		case p.elem.node.Optional:
			t.value(c, p.elem, repetition, definition+2)
		default:
			t.value(c, p.elem, repetition, definition+1)
		}
		repetition = p.repetition
	}
}

func scalar(c *tape.Cursor, kind tape.Kind) parquet.Value {
	switch kind {
	case tape.Bool:
		return parquet.BooleanValue(c.Byte() != 0)
	case tape.Float:
		return parquet.DoubleValue(c.Float())
	case tape.String, tape.AnyJSON:
		return text(c)
	case tape.Certificate, tape.Chain:
		return parquet.Int32Value(int32(c.Int()))
	default:
		return parquet.Int64Value(c.Int())
	}
}

func text(c *tape.Cursor) parquet.Value {
	s := c.String()
	if !utf8.Valid(s) {
		s = []byte(string([]rune(string(s))))
	}
	return parquet.ByteArrayValue(s)
}
