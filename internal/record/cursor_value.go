package record

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"

	"github.com/dice-engine/dice/internal/tape"
)

// anyJSON appends a value as JSON text.
func (e *emitter) anyJSON(dst []byte, leaf *cursor) ([]byte, bool) {
	var digits [32]byte
	text := digits[:0]
	switch col := leaf.col; {
	case col.kind == typeBoolean:
		text = strconv.AppendBool(text, leaf.number() != 0)
	case isInteger(col):
		text = appendInteger(text, leaf)
	case isFloat(col):
		v := float(leaf)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false
		}
		text = strconv.AppendFloat(text, v, 'g', -1, 64)
	default:
		return e.jsonText(dst, leaf)
	}
	return tape.AppendString(dst, text), true
}

// jsonText appends a string that is JSON as it is. One that is none stands for itself and is quoted, as it would be in
// a scan that is JSON.
func (e *emitter) jsonText(dst []byte, leaf *cursor) ([]byte, bool) {
	text := leaf.bytes()
	e.checkText(text)
	if isNullText(text) {
		return dst, false
	}
	if isJSON(leaf.col) || startsJSON(text) && json.Valid(text) {
		return tape.AppendString(dst, text), true
	}
	return appendQuoted(dst, text), true
}

func isNullText(text []byte) bool {
	return len(text) <= 16 && string(bytes.TrimSpace(text)) == "null"
}

// bareText is the inverse of jsonText: the text for which that appends just this JSON value. Strings lose their quotes
// unless they would then be taken for another value, or would get other escapes than they have.
func bareText(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return value
	}
	bare := value[1 : len(value)-1]
	if bytes.IndexByte(bare, '\\') >= 0 {
		bare = unescape(nil, bare)
	}
	if isNullText(bare) || startsJSON(bare) && json.Valid(bare) {
		return value
	}
	requoted := tape.Cursor{Rest: appendQuoted(nil, bare)}
	if !bytes.Equal(requoted.String(), value) {
		return value
	}
	return bare
}

// startsJSON says whether a text begins as JSON does.
func startsJSON(text []byte) bool {
	return len(text) > 0 && bytes.IndexByte([]byte("{[\"-0123456789tfn \t\r\n"), text[0]) >= 0
}

// appendQuoted appends a text as a JSON string, escaped as the scanners do.
func appendQuoted(dst, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(string(text)) // a string always has a JSON form
			return tape.AppendString(dst, quoted)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(text)+2))
	return append(append(append(dst, '"'), text...), '"')
}

// appendInteger appends an integer in decimal digits.
func appendInteger(dst []byte, leaf *cursor) []byte {
	v, ok := integer(leaf)
	if !ok {
		return strconv.AppendUint(dst, uint64(leaf.number()), 10)
	}
	return strconv.AppendInt(dst, v, 10)
}

// integer is the value at hand of a column of integers; false where it is larger than an int64.
func integer(leaf *cursor) (int64, bool) {
	v := leaf.number()
	if leaf.col.means != meansUnsigned {
		return v, true
	}
	if leaf.col.kind == typeInt32 {
		return int64(uint32(v)), true
	}
	return v, v >= 0
}

func float(leaf *cursor) float64 {
	if isFloat(leaf.col) {
		return math.Float64frombits(uint64(leaf.number()))
	}
	v, ok := integer(leaf)
	if !ok {
		return float64(uint64(leaf.number()))
	}
	return float64(v)
}

// dayMicros is a day in microseconds.
const dayMicros = 86_400_000_000

// micros is the value at hand in microseconds since 1970, of any year; false where it is no time.
func micros(leaf *cursor) (int64, bool) {
	if isText(leaf.col) {
		return parseTime(leaf.bytes())
	}
	v := leaf.number()
	switch leaf.col.means {
	case meansMillis:
		return v * 1000, v > math.MinInt64/1000 && v < math.MaxInt64/1000
	case meansNanos:
		micros := v / 1000
		if v%1000 < 0 {
			micros--
		}
		return micros, true
	case meansDate:
		return v * dayMicros, v > math.MinInt64/dayMicros && v < math.MaxInt64/dayMicros
	}
	return v, true
}
