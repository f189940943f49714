package tape

import (
	"encoding/binary"
	"math"
	"reflect"
)

// Marks of lists, maps and whole tapes.
const (
	End     = 0 // ends a struct, list or map; as a whole tape: null
	Present = 1 // an element or a tape follows
	Null    = 2 // a null element of a list, or a null value of a map (its key follows)
)

// AppendInt appends an integer, a time or an ordinal.
func AppendInt(dst []byte, v int64) []byte { return binary.AppendVarint(dst, v) }

// AppendFloat appends a float.
func AppendFloat(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendBool appends a bool.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendString appends a string or a text.
func AppendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// CloseField completes a plain struct field whose number stands at dst[start] and whose value follows it: a zero value
// is taken back, as the canonical rule wants.
func CloseField(dst []byte, start int) []byte {
	value := dst[start+1:]
	if value[0] != 0 {
		return dst
	}
	// Only a float goes on after an octet that is zero.
	if len(value) == 1 || len(value) == 8 && binary.LittleEndian.Uint64(value) == 0 {
		return dst[:start]
	}
	return dst
}

// Append appends the tape of v to dst. T is the type that s was compiled from.
func Append[T any](s *Shape, dst []byte, v *T) []byte {
	if v == nil {
		return append(dst, End)
	}
	return appendValue(append(dst, Present), s.Root, reflect.ValueOf(v).Elem())
}

func appendValue(dst []byte, n *Node, v reflect.Value) []byte {
	switch n.Kind {
	case Bool:
		return AppendBool(dst, v.Bool())
	case Int, Stamp, Certificate, Chain:
		return AppendInt(dst, v.Int())
	case Float:
		return AppendFloat(dst, v.Float())
	case String, AnyJSON:
		return AppendString(dst, v.String())
	case Struct:
		return appendStruct(dst, n, v)
	case List:
		for i := range v.Len() {
			dst = appendElem(dst, n.Elem, v.Index(i), nil)
		}
	case Map:
		for i := range v.Len() {
			pair := v.Index(i)
			key := pair.Field(0).String()
			dst = appendElem(dst, n.Elem, pair.Field(1), &key)
		}
	}
	return append(dst, End)
}

func appendStruct(dst []byte, n *Node, v reflect.Value) []byte {
	for i, field := range n.Fields {
		value := v.Field(i)
		if field.Check || value.IsZero() {
			continue
		}
		start := len(dst)
		dst = append(dst, byte(i+1))
		if field.Optional {
			dst = appendValue(dst, field, value.Elem())
			continue
		}
		dst = CloseField(appendValue(dst, field, value), start)
	}
	return append(dst, End)
}

func appendElem(dst []byte, n *Node, v reflect.Value, key *string) []byte {
	mark := byte(Present)
	if n.Optional && v.IsNil() {
		mark = Null
	}
	dst = append(dst, mark)
	if key != nil {
		dst = AppendString(dst, *key)
	}
	if mark == Null {
		return dst
	}
	if n.Optional {
		v = v.Elem()
	}
	return appendValue(dst, n, v)
}
