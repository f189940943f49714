package tape

import (
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// AppendJSON appends a tape as JSON to dst: members under their first names, absent ones left out, a null tape as null.
// Invalid UTF-8 becomes U+FFFD, times RFC 3339, certificates their ordinals, floats that JSON lacks null.
func AppendJSON(s *Shape, dst, tape []byte) []byte {
	c := Cursor{tape}
	if c.Byte() == End {
		return append(dst, "null"...)
	}
	return appendJSON(dst, &c, s.Root)
}

func appendJSON(dst []byte, c *Cursor, n *Node) []byte {
	switch n.Kind {
	case Bool:
		return strconv.AppendBool(dst, c.Byte() != 0)
	case Int, Certificate, Chain:
		return strconv.AppendInt(dst, c.Int(), 10)
	case Stamp:
		dst = append(dst, '"')
		dst = time.UnixMicro(c.Int()).UTC().AppendFormat(dst, time.RFC3339Nano)
		return append(dst, '"')
	case Float:
		f := c.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(dst, "null"...)
		}
		return strconv.AppendFloat(dst, f, 'g', -1, 64)
	case String:
		return appendQuoted(dst, c.String())
	case AnyJSON:
		return appendText(dst, c.String())
	case Struct:
		return appendJSONStruct(dst, c, n)
	default:
		return appendJSONElems(dst, c, n)
	}
}

func appendJSONStruct(dst []byte, c *Cursor, n *Node) []byte {
	dst = append(dst, '{')
	first := true
	for f := c.Byte(); f != End; f = c.Byte() {
		field := n.Fields[f-1]
		dst = comma(dst, &first)
		dst = appendQuoted(dst, []byte(field.Name()))
		dst = append(dst, ':')
		dst = appendJSON(dst, c, field)
	}
	return append(dst, '}')
}

func appendJSONElems(dst []byte, c *Cursor, n *Node) []byte {
	open, end := byte('['), byte(']')
	if n.Kind == Map {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	first := true
	for mark := c.Byte(); mark != End; mark = c.Byte() {
		dst = comma(dst, &first)
		if n.Kind == Map {
			dst = append(appendQuoted(dst, c.String()), ':')
		}
		if mark == Null {
			dst = append(dst, "null"...)
			continue
		}
		dst = appendJSON(dst, c, n.Elem)
	}
	return append(dst, end)
}

func comma(dst []byte, first *bool) []byte {
	if *first {
		*first = false
		return dst
	}
	return append(dst, ',')
}

func appendQuoted(dst, s []byte) []byte {
	quoted, err := json.Marshal(string(s))
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(dst, quoted...)
}

// appendText writes a Text as the JSON that it is, or, where it came from a plain column, as a JSON string.
func appendText(dst, s []byte) []byte {
	if json.Valid(s) {
		return append(dst, s...)
	}
	return appendQuoted(dst, s)
}
