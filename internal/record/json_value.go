package record

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"github.com/dice-engine/dice/internal/tape"
)

// errOrder says that an object's members are not in the order of the shape's fields.
var errOrder = errors.New("members out of order")

// value appends a value that is not null.
func (p *jsonParser) value(dst []byte, b *binding) ([]byte, error) {
	n := b.node
	c := p.peek()
	switch {
	case n.Kind == tape.AnyJSON:
		return p.anyJSON(dst)
	case c == '"' && n.Kind == tape.String:
		return p.str(dst)
	case c == '"' && n.Kind == tape.Certificate:
		return p.certificate(dst)
	case c == '"' && n.Kind == tape.Stamp:
		return p.stamp(dst)
	case c == '{' && n.Kind == tape.Struct:
		return p.members(dst, b)
	case c == '{' && n.Kind == tape.Map:
		return p.pairs(dst, b)
	case c == '[' && n.Kind == tape.List:
		return p.list(dst, b)
	case c == '[' && n.Kind == tape.Map && n.Pairs:
		return p.listedPairs(dst, b)
	case c == '[' && n.Kind == tape.Chain:
		return p.chain(dst)
	case c == 't' && n.Kind == tape.Bool:
		return tape.AppendBool(dst, true), p.literal("true")
	case c == 'f' && n.Kind == tape.Bool:
		return tape.AppendBool(dst, false), p.literal("false")
	case n.Kind == tape.Int && (c == '-' || '0' <= c && c <= '9'):
		return p.integer(dst)
	case n.Kind == tape.Float && (c == '-' || '0' <= c && c <= '9'):
		return p.float(dst)
	}
	return dst, p.unlike(kindName(n.Kind))
}

// unlike reports the value at hand, which is of another type than what is expected, or none at all.
func (p *jsonParser) unlike(what string) error {
	if found := jsonType(p.peek()); found != "" {
		return p.misfit("%s where %s is expected", found, what)
	}
	return p.expected(what)
}

// jsonType is the type of the value that begins with an octet; "" is none.
func jsonType(c byte) string {
	switch c {
	case '"':
		return "string"
	case '{':
		return "object"
	case '[':
		return "list"
	case 't', 'f':
		return "boolean"
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return "number"
	}
	return ""
}

func kindName(k tape.Kind) string {
	switch k {
	case tape.Bool:
		return "a boolean"
	case tape.Int:
		return "an integer"
	case tape.Float:
		return "a number"
	case tape.List, tape.Chain:
		return "a list"
	case tape.Struct, tape.Map:
		return "an object"
	case tape.Stamp:
		return "a time"
	}
	return "a string"
}

// mark is a place that the parser can go back to.
type mark struct{ at, depth, elements, certificates, names, offsets int }

func (p *jsonParser) mark() mark {
	return mark{p.at, p.depth, p.elements, len(p.certificates), len(p.names), len(p.offsets)}
}

func (p *jsonParser) back(m mark) {
	p.at, p.depth, p.elements = m.at, m.depth, m.elements
	p.certificates, p.names, p.offsets = p.certificates[:m.certificates], p.names[:m.names], p.offsets[:m.offsets]
}

// maybe appends a value unless it is null, or lenient and of another type; ok says whether it did.
func (p *jsonParser) maybe(dst []byte, b *binding) (out []byte, ok bool, err error) {
	if null, err := p.null(); null || err != nil {
		return dst, false, err
	}
	if b.node.Lenient {
		return p.lenient(dst, b)
	}
	if out, err = p.value(dst, b); err != nil {
		return dst, false, err
	}
	return out, true, nil
}

// lenient appends a value unless it is of another type.
func (p *jsonParser) lenient(dst []byte, b *binding) (out []byte, ok bool, err error) {
	start := p.mark()
	if out, err = p.value(dst, b); err == nil {
		return out, true, nil
	}
	var f *fault
	if errors.As(err, &f) && !f.broken && !f.limit {
		p.back(start)
		return dst, false, p.skip()
	}
	return dst, false, err
}

// plain takes a string and resolves its escapes into scratch, where there are any.
func (p *jsonParser) plain() ([]byte, error) {
	raw, escaped, err := p.quoted()
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > p.limits.Field {
		return nil, p.tooLarge("string", p.limits.Field)
	}
	if escaped {
		p.scratch = unescape(p.scratch[:0], raw)
		return p.scratch, nil
	}
	return raw, nil
}

func (p *jsonParser) str(dst []byte) ([]byte, error) {
	s, err := p.plain()
	if err != nil {
		return dst, err
	}
	return tape.AppendString(dst, s), nil
}

func (p *jsonParser) stamp(dst []byte) ([]byte, error) {
	text, err := p.plain()
	if err != nil {
		return dst, err
	}
	at, ok := parseTime(text)
	if !ok {
		return dst, p.misfit("string where a time in RFC 3339 is expected")
	}
	return tape.AppendInt(dst, at), nil
}

func (p *jsonParser) anyJSON(dst []byte) ([]byte, error) {
	start := p.at
	if err := p.skip(); err != nil {
		return dst, err
	}
	if int64(p.at-start) > p.limits.Field {
		return dst, p.tooLarge("value", p.limits.Field)
	}
	return tape.AppendString(dst, p.text[start:p.at]), nil
}

// integer takes a number that is whole.
func (p *jsonParser) integer(dst []byte) ([]byte, error) {
	v, raw, err := p.wholeNumber()
	if err == nil && raw != nil {
		err = p.misfit("number where an integer of 64 bits is expected")
	}
	if err != nil {
		return dst, err
	}
	return tape.AppendInt(dst, v), nil
}

// wholeNumber takes a number. One with a fraction of zeros or an exponent is whole up to 2^53: tools write it that way
// where others of its column are missing. It returns what stands there if that is no integer of 64 bits.
func (p *jsonParser) wholeNumber() (v int64, unfit []byte, err error) {
	raw, plain, err := p.number()
	if err != nil {
		return 0, nil, err
	}
	if plain {
		if v, ok := parseInt(raw); ok {
			return v, nil, nil
		}
		return 0, raw, nil
	}
	if f, err := strconv.ParseFloat(string(raw), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int64(f), nil, nil
	}
	return 0, raw, nil
}

// parseInt reads decimal digits with or without a minus sign.
func parseInt(raw []byte) (v int64, ok bool) {
	digits := bytes.TrimPrefix(raw, []byte("-"))
	if len(digits) > 18 {
		v, err := strconv.ParseInt(string(raw), 10, 64)
		return v, err == nil
	}
	for _, c := range digits {
		v = v*10 + int64(c-'0')
	}
	if len(digits) < len(raw) {
		v = -v
	}
	return v, true
}

func (p *jsonParser) float(dst []byte) ([]byte, error) {
	raw, _, err := p.number()
	if err != nil {
		return dst, err
	}
	v, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsInf(v, 0) {
		return dst, p.misfit("number is too large")
	}
	return tape.AppendFloat(dst, v), nil
}
