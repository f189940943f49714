package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// thriftDepth bounds the nesting of what is skipped.
const thriftDepth = 32

var errThrift = errors.New("metadata is malformed")

// compact reads Thrift's compact protocol, in which Parquet keeps its metadata. It allocates nothing on the word of the
// input: whoever wrote the input chose every length in it. The first error sticks, and everything reads as zero from then on.
type compact struct {
	data []byte
	at   int
	err  error
}

func (c *compact) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

func (c *compact) octet() byte {
	if c.err != nil || c.at >= len(c.data) {
		c.fail(io.ErrUnexpectedEOF)
		return 0
	}
	c.at++
	return c.data[c.at-1]
}

func (c *compact) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Uvarint(c.data[c.at:])
	switch {
	case n == 0:
		c.fail(io.ErrUnexpectedEOF)
	case n < 0:
		c.fail(errThrift)
	default:
		c.at += n
	}
	return v
}

func (c *compact) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// take returns the next n octets, which alias the input.
func (c *compact) take(n uint64) []byte {
	if c.err != nil || n > uint64(len(c.data)-c.at) {
		c.fail(io.ErrUnexpectedEOF)
		return nil
	}
	c.at += int(n)
	return c.data[c.at-int(n) : c.at]
}

// structure reads a struct. field is called for each member and returns false for one that it did not read.
func (c *compact) structure(field func(id int16, kind byte) bool) {
	for id := int16(0); c.err == nil; {
		head := c.octet()
		if head == 0 {
			return
		}
		if delta := head >> 4; delta != 0 {
			id += int16(delta)
		} else {
			id = int16(c.varint())
		}
		if !field(id, head&15) {
			c.skip(head&15, 0)
		}
	}
}

// list reads a list of elements of one kind; each must read one element.
func (c *compact) list(kind, want byte, each func()) bool {
	if kind != thriftList {
		return false
	}
	n, elem := c.listHead()
	if n > 0 && elem != want {
		c.fail(errThrift)
	}
	for ; n > 0 && c.err == nil; n-- {
		each()
	}
	return true
}

// listHead reads the number of elements, which the input may not hold, and their kind.
func (c *compact) listHead() (n uint64, elem byte) {
	head := c.octet()
	n = uint64(head >> 4)
	if n == 15 {
		n = c.uvarint()
	}
	return n, head & 15
}

func (c *compact) integer(kind byte, to *int64) bool {
	switch kind {
	case thriftByte:
		*to = int64(int8(c.octet()))
	case thriftI16, thriftI32, thriftI64:
		*to = c.varint()
	default:
		return false
	}
	return true
}

func (c *compact) binary(kind byte, to *[]byte) bool {
	if kind == thriftBinary {
		*to = c.take(c.uvarint())
	}
	return kind == thriftBinary
}

// boolean reads a member, whose value is in its kind.
func boolean(kind byte, to *bool) bool {
	*to = kind == thriftTrue
	return kind == thriftTrue || kind == thriftFalse
}

// skip passes over a value. The elements of lists of bools have an octet each, members of structs none.
func (c *compact) skip(kind byte, depth int) {
	if depth > thriftDepth {
		c.fail(fmt.Errorf("metadata is nested deeper than %d: %w", thriftDepth, ErrLimit))
	}
	switch kind {
	case thriftTrue, thriftFalse:
	case thriftByte:
		c.octet()
	case thriftI16, thriftI32, thriftI64:
		c.uvarint()
	case thriftDouble:
		c.take(8)
	case thriftBinary:
		c.take(c.uvarint())
	case thriftList, thriftSet:
		n, elem := c.listHead()
		for ; n > 0 && c.err == nil; n-- {
			c.skipElem(elem, depth)
		}
	case thriftMap:
		c.skipMap(depth)
	case thriftStruct:
		c.skipStruct(depth)
	default:
		c.fail(errThrift)
	}
}

func (c *compact) skipElem(kind byte, depth int) {
	if kind == thriftTrue || kind == thriftFalse {
		kind = thriftByte
	}
	c.skip(kind, depth+1)
}

func (c *compact) skipMap(depth int) {
	n := c.uvarint()
	if n == 0 {
		return
	}
	kinds := c.octet()
	for ; n > 0 && c.err == nil; n-- {
		c.skipElem(kinds>>4, depth)
		c.skipElem(kinds&15, depth)
	}
}

func (c *compact) skipStruct(depth int) {
	for c.err == nil {
		head := c.octet()
		if head == 0 {
			return
		}
		if head>>4 == 0 {
			c.varint()
		}
		c.skip(head&15, depth+1)
	}
}
