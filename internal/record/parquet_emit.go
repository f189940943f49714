package record

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/dice-engine/dice/internal/tape"
)

// emitter appends the tapes of records. The first fault of a record stops it; the cursors are then settled by the row.
type emitter struct {
	limits       Limits
	err          error
	elements     int
	base         int // where the record's tape begins
	certificates [][]byte
	places       map[string]int // of certificates, once they are many
	arena        []byte         // of certificates
	keys         []keySpan      // of the maps that are open
	texts        spelling
}

// keySpan is where a map's key lies on the tape.
type keySpan struct{ from, to int }

func (e *emitter) reset() {
	e.err, e.elements = nil, 0
	e.certificates, e.arena, e.keys = e.certificates[:0], e.arena[:0], e.keys[:0]
	if e.places != nil {
		e.places = nil
	}
}

func (e *emitter) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *emitter) tooLarge(what string, size, limit int64) {
	e.fail(fmt.Errorf("%s of %d, at most %d: %w", what, size, limit, ErrLimit))
}

// record appends the tape of a whole result.
func (e *emitter) record(dst []byte, b *bound) []byte {
	e.base = len(dst)
	out, ok := e.value(append(dst, tape.Present), b)
	if !ok {
		return append(dst, tape.End)
	}
	if int64(len(out)-e.base) > e.limits.Result {
		e.tooLarge("result", int64(len(out)-e.base), e.limits.Result)
	}
	return out
}

// value appends the value at hand and passes over it. For null it appends nothing and returns false.
func (e *emitter) value(dst []byte, b *bound) ([]byte, bool) {
	if b.leaf != nil {
		return e.scalar(dst, b)
	}
	if b.leaves[0].level() < b.def {
		e.skip(b)
		return dst, false
	}
	switch b.node.Kind {
	case tape.Struct:
		return e.members(dst, b), true
	case tape.List:
		return e.list(dst, b), true
	case tape.Map:
		return e.pairs(dst, b), true
	}
	return e.chain(dst, b), true
}

// skip passes over the value at hand, whatever it is.
func (e *emitter) skip(b *bound) {
	for _, leaf := range b.leaves {
		leaf.skip(b.context)
	}
}

func (e *emitter) members(dst []byte, b *bound) []byte {
	for i, alternatives := range b.fields {
		start, written := len(dst), false
		for _, a := range alternatives {
			if written {
				e.skip(a)
				continue
			}
			dst, written = e.value(append(dst, byte(i+1)), a)
			if !written {
				dst = dst[:start]
			}
		}
		if written && !b.node.Fields[i].Optional {
			dst = tape.CloseField(dst, start)
		}
	}
	if b.witness {
		e.skip(b)
	}
	return append(dst, tape.End)
}

// list appends the elements of a list that is there.
func (e *emitter) list(dst []byte, b *bound) []byte {
	if b.leaves[0].level() < b.elemDef {
		e.skip(b)
		return append(dst, tape.End)
	}
	for more := true; more && e.err == nil; more = e.another(dst, b) {
		dst = e.elem(append(dst, tape.Present), len(dst), b)
	}
	return append(dst, tape.End)
}

// another says whether there is one more element, and counts the one before.
func (e *emitter) another(dst []byte, b *bound) bool {
	if e.elements++; e.elements > e.limits.Elements {
		e.tooLarge("elements", int64(e.elements), int64(e.limits.Elements))
	}
	if int64(len(dst)-e.base) > e.limits.Result {
		e.tooLarge("result", int64(len(dst)-e.base), e.limits.Result)
	}
	next := b.leaves[0].next()
	for _, leaf := range b.leaves[1:] {
		if leaf.next() != next {
			e.fail(errors.New("columns disagree about the elements of a list"))
		}
	}
	return next == b.rep
}

// elem appends the value of the element at hand, whose mark is at dst[mark].
func (e *emitter) elem(dst []byte, mark int, b *bound) []byte {
	switch {
	case b.elem != nil:
		out, ok := e.value(dst, b.elem)
		if ok {
			return out
		}
	case b.key == nil:
		b.leaves[0].skip(b.rep)
	}
	n := b.node.Elem
	if n.Optional {
		dst[mark] = tape.Null
		return dst
	}
	return appendZero(dst, n)
}

// appendZero appends the zero value of a plain element.
func appendZero(dst []byte, n *tape.Node) []byte {
	if n.Kind == tape.Float {
		return tape.AppendFloat(dst, 0)
	}
	return append(dst, 0)
}

// pairs appends the members of a map that is there.
func (e *emitter) pairs(dst []byte, b *bound) []byte {
	if b.leaves[0].level() < b.elemDef {
		e.skip(b)
		return append(dst, tape.End)
	}
	open, sorted := len(e.keys), true
	for more := true; more && e.err == nil; more = e.another(dst, b) {
		mark := len(dst)
		dst = e.key(append(dst, tape.Present), b)
		if last := len(e.keys) - 1; last > open && bytes.Compare(e.keyText(dst, last-1), e.keyText(dst, last)) >= 0 {
			sorted = false
		}
		dst = e.elem(dst, mark, b)
	}
	if !sorted && e.err == nil {
		e.checkKeys(dst, open)
	}
	e.keys = e.keys[:open]
	return append(dst, tape.End)
}

func (e *emitter) keyText(dst []byte, i int) []byte { return dst[e.keys[i].from:e.keys[i].to] }

// key appends the key at hand. Integers are keys in JSON's way.
func (e *emitter) key(dst []byte, b *bound) []byte {
	leaf := b.key.leaf
	if leaf.level() < b.pairDef {
		e.fail(errors.New("element of a map is no pair of key and value"))
		return dst
	}
	if !leaf.present() {
		e.fail(errors.New("key of a map is null"))
		return dst
	}
	var digits [20]byte
	text := digits[:0]
	if isText(leaf.col) {
		text = leaf.bytes()
		e.checkText(text)
	} else {
		text = appendInteger(text, leaf)
	}
	dst = tape.AppendString(dst, text)
	e.keys = append(e.keys, keySpan{len(dst) - len(text), len(dst)})
	leaf.advance()
	return dst
}

// fewKeys is how many keys are compared each with each.
const fewKeys = 12

// checkKeys fails where a key is repeated. It is only called for keys that are not in order.
func (e *emitter) checkKeys(dst []byte, open int) {
	if len(e.keys)-open <= fewKeys {
		for i := open; i < len(e.keys); i++ {
			for k := open; k < i; k++ {
				if key := e.keyText(dst, i); bytes.Equal(key, e.keyText(dst, k)) {
					e.repeatedKey(key)
					return
				}
			}
		}
		return
	}
	seen := make(map[string]bool, len(e.keys)-open)
	for i := open; i < len(e.keys); i++ {
		key := e.keyText(dst, i)
		if seen[string(key)] {
			e.repeatedKey(key)
			return
		}
		seen[string(key)] = true
	}
}

func (e *emitter) repeatedKey(key []byte) {
	e.fail(fmt.Errorf("key %q of a map is repeated", clip(string(key))))
}

// chain appends the ordinal of a list's first element.
func (e *emitter) chain(dst []byte, b *bound) []byte {
	leaf := b.leaves[0]
	ordinal := int64(0)
	if leaf.level() >= b.elemDef && b.elem != nil && leaf.present() {
		ordinal = e.ordinal(leaf.bytes())
	}
	e.skip(b)
	return tape.AppendInt(dst, ordinal)
}

// scalar appends the value at hand of a leaf.
func (e *emitter) scalar(dst []byte, b *bound) (out []byte, ok bool) {
	leaf := b.leaf
	if leaf.level() == b.def && leaf.fault == nil {
		if b.spelled != nil {
			dst, ok = e.spelled(dst, b, leaf)
		} else {
			dst, ok = e.scalarValue(dst, b, leaf)
		}
	}
	leaf.advance()
	return dst, ok
}

func (e *emitter) scalarValue(dst []byte, b *bound, leaf *cursor) ([]byte, bool) {
	switch b.node.Kind {
	case tape.String:
		text := leaf.bytes()
		e.checkText(text)
		return tape.AppendString(dst, text), true
	case tape.Int:
		if b.floats {
			return e.whole(dst, b, leaf)
		}
		v, ok := integer(leaf)
		if !ok {
			return dst, e.unfit(b, leaf)
		}
		return tape.AppendInt(dst, v), true
	case tape.Bool:
		return tape.AppendBool(dst, leaf.number() != 0), true
	case tape.Float:
		v := float(leaf)
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false
		}
		return tape.AppendFloat(dst, v), true
	case tape.Stamp:
		v, ok := stamp(leaf)
		if !ok {
			return dst, e.unfit(b, leaf)
		}
		return tape.AppendInt(dst, v), true
	case tape.Certificate:
		return tape.AppendInt(dst, e.ordinal(leaf.bytes())), true
	}
	return e.anyJSON(dst, leaf)
}

// maxWhole bounds the integers that have a float each; beyond, a float stands for several.
const maxWhole = 1 << 53

// whole appends the integer that a float stands for. Tables made by way of floats have integers that may be missing as
// such, and NaN where one is.
func (e *emitter) whole(dst []byte, b *bound, leaf *cursor) ([]byte, bool) {
	v := float(leaf)
	switch {
	case math.IsNaN(v):
		return dst, false
	case v == math.Trunc(v) && math.Abs(v) <= maxWhole:
		return tape.AppendInt(dst, int64(v)), true
	case !b.node.Lenient:
		e.fail(fmt.Errorf("column %s holds %v, which is no integer within ±2^53", leaf.col.path(), v))
	}
	return dst, false
}

// unfit rejects the record for a value that the field cannot hold, unless the field forgives. It returns false.
func (e *emitter) unfit(b *bound, leaf *cursor) bool {
	if !b.node.Lenient {
		e.fail(fmt.Errorf("column %s holds a value that is not %s", leaf.col.path(), kindNames[b.node.Kind]))
	}
	return false
}

func (e *emitter) checkText(text []byte) {
	if int64(len(text)) > e.limits.Field {
		e.tooLarge("string", int64(len(text)), e.limits.Field)
	}
}

// ordinal returns the place of a certificate among those of the record, which it joins if it is new.
func (e *emitter) ordinal(text []byte) int64 {
	if len(text) == 0 {
		return 0
	}
	if int64(len(text)) > e.limits.Certificate {
		e.tooLarge("certificate", int64(len(text)), e.limits.Certificate)
		return 0
	}
	if place := e.placeOf(text); place > 0 {
		return int64(place)
	}
	start := len(e.arena)
	e.arena = append(e.arena, text...)
	e.certificates = append(e.certificates, e.arena[start:len(e.arena):len(e.arena)])
	if e.places != nil {
		e.places[string(text)] = len(e.certificates)
	}
	return int64(len(e.certificates))
}

// placeOf looks for a known certificate, through a table when there are many.
func (e *emitter) placeOf(text []byte) int {
	const many = 32
	if len(e.certificates) >= many {
		if e.places == nil {
			e.places = map[string]int{}
			for i, known := range e.certificates {
				e.places[string(known)] = i + 1
			}
		}
		return e.places[string(text)]
	}
	for i, known := range e.certificates {
		if bytes.Equal(known, text) {
			return i + 1
		}
	}
	return 0
}
