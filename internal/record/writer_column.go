package record

import (
	"bytes"
	"math"
	"slices"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"

	"github.com/dice-engine/dice/internal/grow"
	"github.com/dice-engine/dice/internal/tape"
	"github.com/dice-engine/dice/internal/words"
)

// columnWriter gathers one column's values of the row group in hand.
type columnWriter struct {
	path          []string
	physical      format.Type
	encoding      format.Encoding // of numbers; texts have a dictionary, or are plain
	maxDefinition int
	maxRepetition int

	definitions []byte
	repetitions []byte
	numbers     []int64
	codes       []int32 // places of texts among the words
	words       wordList
	marks       []rowStart // where rows begin that may begin a page
	plainFrom   int        // the mark from which texts are not told by their places; -1: none
}

// rowStart is where a row begins.
type rowStart struct{ entry, value int }

// markRows is how many rows lie between two marks at most: pages are cut there.
const markRows = 1024

// entrySize is what a value is taken to hold besides its text.
const entrySize = 10

func (c *columnWriter) isText() bool { return c.physical == format.ByteArray }

// values is how many values are present.
func (c *columnWriter) values() int {
	if c.isText() {
		return len(c.codes)
	}
	return len(c.numbers)
}

// mark notes where the next row begins. From there on, texts that turned out not to repeat are plain.
func (c *columnWriter) mark() {
	if c.isText() && !c.words.plain && c.words.excessive(c.values()) {
		c.words.plain, c.plainFrom = true, len(c.marks)
		c.words.repeated = c.words.Len()
		c.words.Forget()
	}
	c.marks = append(c.marks, rowStart{len(c.definitions), c.values()})
}

// append appends entries and returns how many octets more are held.
func (c *columnWriter) append(e *entries) (size int64) {
	c.definitions = grow.Append(c.definitions, e.definitions)
	c.repetitions = grow.Append(c.repetitions, e.repetitions)
	c.numbers = grow.Append(c.numbers, e.numbers)
	for _, text := range e.texts {
		size += c.text(text)
	}
	return size + entrySize*int64(len(e.definitions))
}

// text appends a text and returns how many octets more are held, or will be in a page.
func (c *columnWriter) text(text []byte) (size int64) {
	before := c.words.Octets()
	c.codes = append(grow.Room(c.codes, 1), c.words.number(text))
	if c.words.plain {
		return c.words.length(c.codes[len(c.codes)-1:])
	}
	return int64(c.words.Octets() - before)
}

// reset forgets the row group.
func (c *columnWriter) reset() {
	c.plainFrom = -1
	c.definitions, c.repetitions, c.numbers, c.codes = c.definitions[:0], c.repetitions[:0], c.numbers[:0], c.codes[:0]
	c.marks = c.marks[:0]
	c.words.reset()
}

// absent appends rows without a value.
func (c *columnWriter) absent(rows int) {
	c.definitions = appendZeros(c.definitions, rows)
	if c.maxRepetition > 0 {
		c.repetitions = appendZeros(c.repetitions, rows)
	}
}

func appendZeros(dst []byte, n int) []byte {
	dst = grow.By(dst, n)
	clear(dst[len(dst)-n:])
	return dst
}

// wordList numbers the texts of a row group. While texts repeat, each has one number; when it turns out that they do
// not, looking them up is given up for the rest of the row group.
type wordList struct {
	words.List
	plain    bool
	repeated int    // numbers that were given while not plain
	last     int32  // what was asked for last
	mended   []byte // a text whose octets were not UTF-8
}

const (
	dictionaryTrial = 4096 // texts after which it is decided whether they repeat
	dictionaryShare = 2    // they do if at most one of so many is new
)

func (d *wordList) reset() {
	d.Reset(4 * dictionaryBytes)
	d.plain, d.repeated, d.last, d.mended = false, 0, -1, nil
}

// shrunk empties a buffer, and lets go of one that grew far beyond what is usual.
func shrunk(b []byte) []byte {
	if cap(b) > 4*dictionaryBytes {
		return []byte{}
	}
	return b[:0]
}

// entered is how many texts a dictionary page would hold.
func (d *wordList) entered() int {
	if d.plain {
		return d.repeated
	}
	return d.Len()
}

// excessive says whether a dictionary does not pay, or is too large, after so many texts.
func (d *wordList) excessive(asked int) bool {
	return asked >= dictionaryTrial && d.Len()*dictionaryShare > asked || d.Octets() > dictionaryBytes
}

// length adds up texts' octets.
func (d *wordList) length(numbers []int32) (octets int64) {
	for _, number := range numbers {
		octets += int64(len(d.Text(number)))
	}
	return octets
}

// number returns the number of a text, entering it if it is new. Octets that are not UTF-8 become U+FFFD.
func (d *wordList) number(text []byte) int32 {
	if d.last >= 0 && bytes.Equal(d.Text(d.last), text) {
		return d.last
	}
	if !utf8.Valid(text) {
		d.mended = appendUTF8(d.mended[:0], text)
		text = d.mended
	}
	if d.plain {
		d.last = d.Append(text)
	} else {
		d.last = d.Number(text)
	}
	return d.last
}

// appendUTF8 appends a text with U+FFFD for each octet that is not UTF-8.
func appendUTF8(dst, text []byte) []byte {
	bad := 0
	for rest := text; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			bad++
		}
		rest = rest[size:]
	}
	dst = slices.Grow(dst, len(text)+bad*(utf8.RuneLen(utf8.RuneError)-1))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		dst, text = utf8.AppendRune(dst, r), text[size:]
	}
	return dst
}

// newColumns lists the columns of a shape in order.
func newColumns(n *tape.Node, path []string, definition, repetition int) []*columnWriter {
	sub := func(name string) []string { return append(append([]string{}, path...), name) }
	switch n.Kind {
	case tape.Struct:
		var all []*columnWriter
		for _, field := range n.Fields {
			if field.Check {
				continue
			}
			depth := definition
			if nullable(field) {
				depth++
			}
			all = append(all, newColumns(field, sub(field.Name()), depth, repetition)...)
		}
		return all
	case tape.List, tape.Map:
		var all []*columnWriter
		depth, inner, outer := definition+1, "element", "list"
		if n.Kind == tape.Map {
			inner, outer = "value", "key_value"
			all = append(all, newColumn(tape.String, append(sub(outer), "key"), depth, repetition+1))
		}
		if n.Elem.Optional {
			depth++
		}
		return append(all, newColumns(n.Elem, append(sub(outer), inner), depth, repetition+1)...)
	}
	return []*columnWriter{newColumn(n.Kind, path, definition, repetition)}
}

func newColumn(kind tape.Kind, path []string, definition, repetition int) *columnWriter {
	c := &columnWriter{path: path, maxDefinition: definition, maxRepetition: repetition, encoding: format.DeltaBinaryPacked}
	switch kind {
	case tape.Bool:
		c.physical, c.encoding = format.Boolean, format.Plain
	case tape.Certificate, tape.Chain:
		c.physical = format.Int32
	case tape.Float:
		c.physical, c.encoding = format.Double, format.Plain
	case tape.String, tape.AnyJSON:
		c.physical, c.encoding = format.ByteArray, format.RLEDictionary
	default:
		c.physical = format.Int64
	}
	c.reset()
	return c
}

func floatBits(f float64) int64 { return int64(math.Float64bits(f)) }
