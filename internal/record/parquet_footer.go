package record

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	footerTail   = 64 << 10 // octets read from the end at once: nearly every footer, and the whole of a small file
	footerEnd    = 8        // length and magic
	maxGroups    = 1 << 15
	maxGroupRows = 1 << 40
)

var errNotParquet = errors.New("not a Parquet file, or cut off")

// fileMeta is what a footer says of the whole file. Row groups are decoded one by one, and only for the leaves in use.
type fileMeta struct {
	root   *column
	leaves []*column
	groups []groupMeta
	footer []byte
}

// groupMeta is one row group.
type groupMeta struct {
	number  int64 // in the file, from 1
	at      int   // of its metadata in the footer
	start   int64 // first octet of its first column chunk, as far as that can be; see order
	rows    int64
	columns int
}

// chunkMeta is one column chunk.
type chunkMeta struct {
	start, size int64
	values      int64 // entries, nulls included
	nulls       int64 // among them; -1: unknown
	codec       int64
	low, high   []byte // smallest and largest value, nil where unknown
}

// readFooter fetches and decodes the footer: one request, two for a large one.
func readFooter(f *fetcher, lim Limits) (*fileMeta, error) {
	if f.size < footerEnd+4 {
		return nil, errNotParquet
	}
	tail := make([]byte, min(f.size, footerTail))
	if err := f.read(tail, f.size-int64(len(tail))); err != nil {
		return nil, err
	}
	f.keepTail(tail)
	end := tail[len(tail)-footerEnd:]
	if string(end[4:]) == "PARE" {
		return nil, errors.New("file is encrypted")
	}
	if string(end[4:]) != "PAR1" {
		return nil, errNotParquet
	}
	size := int64(binary.LittleEndian.Uint32(end))
	if size > lim.Footer {
		return nil, fmt.Errorf("footer of %d octets: %w", size, ErrLimit)
	}
	if size > f.size-footerEnd-4 {
		return nil, errNotParquet
	}
	footer := make([]byte, size)
	if err := f.read(footer, f.size-footerEnd-size); err != nil {
		return nil, err
	}
	m, err := decodeFooter(footer)
	if err == nil {
		m.order(f.size)
	}
	return m, err
}

// order gives each row group a place in a file of that size, by which it belongs to one slice: where it starts, unless
// that is before a row group that the footer lists earlier, or no place at all. Rows count in the order of the footer.
func (m *fileMeta) order(size int64) {
	last := int64(0)
	for i := range m.groups {
		last = max(last, min(m.groups[i].start, size-1))
		m.groups[i].start = last
	}
}

func decodeFooter(footer []byte) (*fileMeta, error) {
	m := &fileMeta{footer: footer}
	c := compact{data: footer}
	var elements []schemaElement
	encrypted, rows := false, int64(-1)
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 2:
			return c.list(kind, thriftStruct, func() { elements = c.schemaElement(elements) })
		case 3:
			return c.integer(kind, &rows)
		case 4:
			return c.list(kind, thriftStruct, func() { m.groups = append(m.groups, c.groupMeta(len(m.groups))) })
		case 8:
			encrypted = true
		}
		return false
	})
	if c.err != nil {
		return nil, fmt.Errorf("decode footer: %w", c.err)
	}
	if encrypted {
		return nil, errors.New("file is encrypted")
	}
	var err error
	if m.root, m.leaves, err = buildSchema(elements); err != nil {
		return nil, fmt.Errorf("decode footer: %w", err)
	}
	held := int64(0)
	for _, g := range m.groups {
		held += g.rows
		if g.columns != len(m.leaves) {
			return nil, fmt.Errorf("decode footer: row group of %d columns, the schema has %d: %w", g.columns, len(m.leaves), errThrift)
		}
	}
	if rows >= 0 && rows != held {
		return nil, fmt.Errorf("decode footer: a file of %d rows, whose row groups have %d: %w", rows, held, errThrift)
	}
	return m, nil
}

func (c *compact) schemaElement(elements []schemaElement) []schemaElement {
	if len(elements) >= maxColumns {
		c.fail(fmt.Errorf("schema of more than %d columns: %w", maxColumns, ErrLimit))
		return elements
	}
	e := schemaElement{converted: -1}
	typ, width, repetition := int64(typeGroup), int64(0), int64(repRequired)
	var name []byte
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 1:
			return c.integer(kind, &typ)
		case 2:
			return c.integer(kind, &width)
		case 3:
			return c.integer(kind, &repetition)
		case 4:
			return c.binary(kind, &name)
		case 5:
			return c.integer(kind, &e.childCount)
		case 6:
			return c.integer(kind, &e.converted)
		case 10:
			return kind == thriftStruct && c.logicalType(&e)
		}
		return false
	})
	e.name, e.kind, e.width, e.repetition = string(name), int(typ), int(width), int(repetition)
	return append(elements, e)
}

// logicalType reads the union of annotations. One that is not known here leaves the older annotation in force.
func (c *compact) logicalType(e *schemaElement) bool {
	c.structure(func(id int16, kind byte) bool {
		if id > 0 && int(id) < len(logicalMeanings) && logicalMeanings[id] != meansNothing {
			e.means, e.annotated = logicalMeanings[id], true
		}
		switch id {
		case 8:
			return kind == thriftStruct && c.timestampType(e)
		case 10:
			return kind == thriftStruct && c.integerType(e)
		}
		return false
	})
	return true
}

// logicalMeanings are by number in the union.
var logicalMeanings = [...]meaning{
	1: meansText, 2: meansMap, 3: meansList, 4: meansText, 5: meansOther, 6: meansDate, 7: meansOther, 8: meansOther,
	10: meansSigned, 11: meansNull, 12: meansJSON, 13: meansOther, 14: meansOther, 15: meansOther,
}

func (c *compact) timestampType(e *schemaElement) bool {
	c.structure(func(id int16, kind byte) bool {
		if id != 2 || kind != thriftStruct {
			return false
		}
		c.structure(func(unit int16, _ byte) bool {
			if unit >= 1 && unit <= 3 {
				e.means = meansMillis + meaning(unit-1)
			}
			return false
		})
		return true
	})
	return true
}

func (c *compact) integerType(e *schemaElement) bool {
	c.structure(func(id int16, kind byte) bool {
		signed := true
		read := id == 2 && boolean(kind, &signed)
		if !signed {
			e.means = meansUnsigned
		}
		return read
	})
	return true
}

// groupMeta reads what decides to which slice a row group belongs.
func (c *compact) groupMeta(known int) groupMeta {
	g := groupMeta{number: int64(known) + 1, at: c.at}
	if known >= maxGroups {
		c.fail(fmt.Errorf("more than %d row groups: %w", maxGroups, ErrLimit))
		return g
	}
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 1:
			return c.list(kind, thriftStruct, func() {
				if g.columns++; g.columns > 1 {
					c.skip(thriftStruct, 0)
					return
				}
				g.start = c.chunkMeta().start
			})
		case 3:
			return c.integer(kind, &g.rows)
		}
		return false
	})
	if g.rows < 0 || g.rows > maxGroupRows {
		c.fail(fmt.Errorf("row group of %d rows: %w", g.rows, ErrLimit))
	}
	return g
}

// chunks decodes the chunks of those leaves that are wanted; the others are zero.
func (m *fileMeta) chunks(g groupMeta, wanted func(leaf int) bool) ([]chunkMeta, error) {
	chunks := make([]chunkMeta, len(m.leaves))
	c := compact{data: m.footer, at: g.at}
	n := 0
	c.structure(func(id int16, kind byte) bool {
		return id == 1 && c.list(kind, thriftStruct, func() {
			if n < len(chunks) && wanted(n) {
				chunks[n] = c.chunkMeta()
			} else {
				c.skip(thriftStruct, 0)
			}
			n++
		})
	})
	return chunks, c.err
}

func (c *compact) chunkMeta() chunkMeta {
	m := chunkMeta{nulls: -1}
	var file []byte
	encrypted := false
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 1:
			return c.binary(kind, &file)
		case 3:
			return kind == thriftStruct && c.columnMeta(&m)
		case 8, 9:
			encrypted = true
		}
		return false
	})
	if encrypted || len(file) > 0 {
		m.codec = codecElsewhere
	}
	return m
}

func (c *compact) columnMeta(m *chunkMeta) bool {
	var data, dictionary int64
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 4:
			return c.integer(kind, &m.codec)
		case 5:
			return c.integer(kind, &m.values)
		case 7:
			return c.integer(kind, &m.size)
		case 9:
			return c.integer(kind, &data)
		case 11:
			return c.integer(kind, &dictionary)
		case 12:
			return kind == thriftStruct && c.statistics(m)
		}
		return false
	})
	m.start = data
	if dictionary > 0 && dictionary < data {
		m.start = dictionary
	}
	return true
}

func (c *compact) statistics(m *chunkMeta) bool {
	c.structure(func(id int16, kind byte) bool {
		switch id {
		case 3:
			return c.integer(kind, &m.nulls)
		case 5:
			return c.binary(kind, &m.high)
		case 6:
			return c.binary(kind, &m.low)
		}
		return false
	})
	return true
}
