package record

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

var errShortColumn = errors.New("column ends before its row group does")

// cursor walks through one leaf column, entry by entry: a value or a null, with the levels that say where in a record it
// belongs. Entries are decoded a batch at a time. A fault ends the column; everything reads as null from then on.
type cursor struct {
	col        *column
	flat       bool // one entry a row
	levelsOnly bool // nobody wants the values
	shop       *workshop
	codec      int64
	in         stream
	left       int64 // entries of the chunk behind the page in hand
	dict       *dictionary
	dictSize   int64  // octets that it takes beside its page
	page       []byte // buffer of decompressed data pages
	dictPage   []byte // buffer of decompressed dictionaries

	rest     int64 // entries of the page behind the batch
	defs     hybrid
	reps     hybrid
	values   values // of the page; nil until one is needed, a page of nulls has none to decode
	encoding int64
	encoded  []byte

	i, n  int   // entry in the batch: where there is one, the column has no fault
	v     int   // its value in the batch, where it has one
	begun int64 // rows of the row group whose first entry has been passed
	fault error
	def   [batchSize]uint8
	rep   [batchSize]uint8
	batch batch
}

// open places the cursor before the first entry of a chunk.
func (c *cursor) open(chunk chunkMeta, in stream) {
	c.codec, c.in, c.left = chunk.codec, in, chunk.values
	c.shop.held -= c.dictSize
	c.dictSize = 0
	c.dict, c.values, c.rest = nil, nil, 0
	c.i, c.n, c.v, c.begun, c.fault = 0, 0, 0, 0, nil
}

// level is the definition level of the entry at hand, which must be there.
func (c *cursor) level() uint8 {
	if c.i < c.n {
		return c.def[c.i]
	}
	return c.firstLevel()
}

// firstLevel is level at the beginning of a batch. It is kept out of level, which is then small enough to stand where it is called.
//
//go:noinline
func (c *cursor) firstLevel() uint8 {
	if c.fill() {
		return c.def[c.i]
	}
	if c.fault == nil {
		c.fault = errShortColumn
	}
	return 0
}

// next is the repetition level of the next entry, 0 at the end.
func (c *cursor) next() uint8 {
	if c.i < c.n || c.fill() {
		return c.rep[c.i]
	}
	return 0
}

// present says whether the entry at hand has a value.
func (c *cursor) present() bool {
	if c.i < c.n {
		return c.def[c.i] == c.col.def
	}
	return c.firstPresent()
}

// firstPresent is present at the beginning of a batch.
//
//go:noinline
func (c *cursor) firstPresent() bool { return c.firstLevel() == c.col.def && c.fault == nil }

// bytes is the value at hand of a column of strings. It is valid until the cursor reads the next batch: in a column without
// repetition, until the next row is read.
func (c *cursor) bytes() []byte {
	b := &c.batch
	return b.octets[b.from[c.v]:b.to[c.v]]
}

// number is the value at hand of a column of numbers.
func (c *cursor) number() int64 { return c.batch.numbers[c.v] }

// advance passes over the entry at hand.
func (c *cursor) advance() {
	if c.i >= c.n {
		return // after a fault
	}
	if c.def[c.i] == c.col.def {
		c.v++
	}
	if c.flat || c.rep[c.i] == 0 {
		c.begun++
	}
	c.i++
}

// skip passes over the entry at hand and those that go deeper than repetition level rep.
func (c *cursor) skip(rep uint8) {
	c.level()
	c.advance()
	if c.col.rep > rep {
		for c.next() > rep {
			c.advance()
		}
	}
}

// settled says that exactly the first rows rows have been passed, of a column without repetition.
func (c *cursor) settled(rows int64) bool { return c.begun == rows && c.flat && c.fault == nil }

// settle passes over what is left of the first rows rows, and reports a fault met on the way here.
func (c *cursor) settle(rows int64) error {
	if c.flat && c.i < c.n && c.begun == rows-1 { // what the envelope's columns come here for
		c.advance()
		return nil
	}
	for c.begun < rows && c.fault == nil {
		c.skip(0)
	}
	if c.col.rep > 0 {
		for c.next() > 0 {
			c.advance()
		}
	}
	return c.fault
}

// fill decodes the next batch. It returns false at the end of the chunk and on a fault.
func (c *cursor) fill() (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			c.fault, ok = fmt.Errorf("decoder failed: %v", r), false
		}
		if !ok {
			c.i, c.n, c.rest, c.left = 0, 0, 0, 0
		}
	}()
	if c.shop.ended.Load() { // one row may have billions of entries
		c.fault = context.Canceled
		return false
	}
	for c.rest == 0 {
		if c.left == 0 || c.fault != nil {
			return false
		}
		if c.fault = c.load(); c.fault != nil {
			return false
		}
	}
	c.fault = c.decode(int(min(c.rest, batchSize)))
	return c.fault == nil
}

// decode decodes n entries.
func (c *cursor) decode(n int) error {
	if c.col.rep > 0 {
		if err := readHybrid(&c.reps, c.rep[:n]); err != nil {
			return fmt.Errorf("decode repetition levels: %w", err)
		}
		if slices.Max(c.rep[:n]) > c.col.rep || c.begun == 0 && c.rep[0] > 0 && c.i == 0 {
			return errors.New("repetition level out of range")
		}
	}
	filled := n
	if c.col.def > 0 {
		if err := readHybrid(&c.defs, c.def[:n]); err != nil {
			return fmt.Errorf("decode definition levels: %w", err)
		}
		filled = 0
		highest := uint8(0)
		for _, def := range c.def[:n] { // without a branch that hangs on the data
			if def == c.col.def {
				filled++
			}
			highest = max(highest, def)
		}
		if highest > c.col.def {
			return errors.New("definition level out of range")
		}
	}
	if filled > 0 && !c.levelsOnly {
		if err := c.decodeValues(filled); err != nil {
			return fmt.Errorf("decode values: %w", err)
		}
	}
	c.rest -= int64(n)
	c.i, c.n, c.v = 0, n, 0
	return nil
}

func (c *cursor) decodeValues(n int) (err error) {
	if c.values == nil {
		if c.values, err = newValues(c.col, c.encoding, c.encoded, c.dict, c.shop.limits); err != nil {
			return err
		}
	}
	if err := c.values.read(&c.batch, n); err != nil || !c.multiplies() {
		return err
	}
	octets := int64(0)
	for i, from := range c.batch.from[:n] {
		octets += int64(c.batch.to[i] - from)
	}
	return c.shop.take(0, octets)
}

// multiplies says whether octets of the page in hand may stand for many values.
func (c *cursor) multiplies() bool {
	switch c.encoding {
	case encodingDict, encodingDictPlain, encodingDeltaBytes:
		return c.col.kind == typeBytes || c.col.kind == typeFixed
	}
	return false
}

// load takes the next page of the chunk.
func (c *cursor) load() error {
	if c.in.left() == 0 {
		return errShortColumn
	}
	h, err := readPageHeader(&c.in, c.shop.limits)
	if err != nil {
		return err
	}
	if err := c.shop.spend(&h); err != nil {
		return err
	}
	switch h.kind {
	case pageDictionary:
		return c.loadDictionary(&h)
	case pageData, pageDataV2:
		return c.loadData(&h)
	case pageIndex:
		_, err := c.in.peek(int(h.packed))
		c.in.discard(int(h.packed))
		return err
	}
	return fmt.Errorf("page of unknown kind %d", h.kind)
}

func (c *cursor) loadDictionary(h *pageHeader) error {
	if c.dict != nil {
		return errors.New("second dictionary in a column chunk")
	}
	if h.encoding != encodingPlain && h.encoding != encodingDictPlain {
		return fmt.Errorf("encoding %d of a dictionary is not supported", h.encoding)
	}
	page, kept, err := c.shop.body(&c.in, h, c.codec, 0, c.dictPage)
	c.dictPage = kept
	if err != nil || c.levelsOnly {
		return err
	}
	if c.codec == codecNone { // the page lies in the stream's buffer
		if c.dictPage, err = c.shop.room(c.dictPage, int64(len(page))); err != nil {
			return err
		}
		copy(c.dictPage, page)
		page = c.dictPage
	}
	size := h.values * octetsOfEntry(c.col)
	if err := c.shop.hold(size); err != nil {
		return err
	}
	c.dictSize = size
	if c.dict, err = newDictionary(c.col, page, int(h.values)); err != nil {
		return fmt.Errorf("decode dictionary: %w", err)
	}
	return nil
}

func (c *cursor) loadData(h *pageHeader) error {
	if h.values > c.left {
		return errors.New("pages hold more values than their column chunk")
	}
	levels := int64(0)
	if h.kind == pageDataV2 {
		levels = h.defSize + h.repSize
	}
	page, kept, err := c.shop.body(&c.in, h, c.codec, levels, c.page)
	c.page = kept
	if err != nil {
		return err
	}
	if page, err = c.cutLevels(h, page); err != nil {
		return err
	}
	c.left -= h.values
	c.rest = h.values
	c.values, c.encoding, c.encoded = nil, h.encoding, page
	return nil
}

// cutLevels takes the levels off the front of a page.
func (c *cursor) cutLevels(h *pageHeader, page []byte) (rest []byte, err error) {
	var reps, defs []byte
	if h.kind == pageDataV2 {
		reps, defs, page = page[:h.repSize], page[h.repSize:h.repSize+h.defSize], page[h.repSize+h.defSize:]
	} else {
		if c.col.rep > 0 {
			if reps, page, err = prefixed(page); err != nil {
				return nil, err
			}
		}
		if c.col.def > 0 {
			if defs, page, err = prefixed(page); err != nil {
				return nil, err
			}
		}
		if c.col.rep > 0 && h.repEncoding != encodingRLE || c.col.def > 0 && h.defEncoding != encodingRLE {
			return nil, errors.New("encoding of levels is not supported")
		}
	}
	c.reps, c.defs = newHybrid(reps, levelWidth(c.col.rep)), newHybrid(defs, levelWidth(c.col.def))
	return page, nil
}
