package tape

import (
	"encoding/binary"
	"math"
	"reflect"
)

// Cursor reads a tape from its front. It panics with an index error on bytes that are not a tape of the expected shape:
// tapes are made by this program and checksummed wherever they are stored.
type Cursor struct{ Rest []byte }

// Byte takes one octet: a mark, a field number or a bool.
func (c *Cursor) Byte() byte {
	b := c.Rest[0]
	c.Rest = c.Rest[1:]
	return b
}

// Int takes an integer, a time or an ordinal.
func (c *Cursor) Int() int64 {
	v, n := binary.Varint(c.Rest)
	c.Rest = c.Rest[n:]
	return v
}

// Float takes a float.
func (c *Cursor) Float() float64 {
	v := math.Float64frombits(binary.LittleEndian.Uint64(c.Rest))
	c.Rest = c.Rest[8:]
	return v
}

// String takes a string or a text. The result aliases the tape.
func (c *Cursor) String() []byte {
	size, n := binary.Uvarint(c.Rest)
	s := c.Rest[n : n+int(size)]
	c.Rest = c.Rest[n+int(size):]
	return s
}

// Skip passes over one value of n.
func (c *Cursor) Skip(n *Node) {
	switch n.Kind {
	case Bool:
		c.Byte()
	case Int, Stamp, Certificate, Chain:
		c.Int()
	case Float:
		c.Rest = c.Rest[8:]
	case String, AnyJSON:
		c.String()
	case Struct:
		for f := c.Byte(); f != End; f = c.Byte() {
			c.Skip(n.Fields[f-1])
		}
	case List, Map:
		for mark := c.Byte(); mark != End; mark = c.Byte() {
			if n.Kind == Map {
				c.String()
			}
			if mark == Present {
				c.Skip(n.Elem)
			}
		}
	}
}

// Decode fills v from a tape, after setting it to zero. T is the type that s was compiled from. It returns false for a
// null tape. Nothing in v aliases the tape.
func Decode[T any](s *Shape, tape []byte, v *T) bool {
	var zero T
	*v = zero
	c := Cursor{tape}
	if c.Byte() == End {
		return false
	}
	decodeValue(&c, s.Root, reflect.ValueOf(v).Elem())
	return true
}

func decodeValue(c *Cursor, n *Node, v reflect.Value) {
	switch n.Kind {
	case Bool:
		v.SetBool(c.Byte() != 0)
	case Int, Stamp, Certificate, Chain:
		v.SetInt(c.Int())
	case Float:
		v.SetFloat(c.Float())
	case String, AnyJSON:
		v.SetString(string(c.String()))
	case Struct:
		for f := c.Byte(); f != End; f = c.Byte() {
			decodeField(c, n.Fields[f-1], v.Field(int(f-1)))
		}
	case List, Map:
		decodeElems(c, n, v)
	}
}

func decodeField(c *Cursor, n *Node, v reflect.Value) {
	if n.Optional {
		v.Set(reflect.New(n.typ))
		v = v.Elem()
	}
	decodeValue(c, n, v)
}

func decodeElems(c *Cursor, n *Node, v reflect.Value) {
	for mark := c.Byte(); mark != End; mark = c.Byte() {
		last := v.Len()
		v.Grow(1)
		v.SetLen(last + 1)
		at := v.Index(last)
		at.SetZero()
		if n.Kind == Map {
			at.Field(0).SetString(string(c.String()))
			at = at.Field(1)
		}
		if mark == Present {
			decodeField(c, n.Elem, at)
		}
	}
}
