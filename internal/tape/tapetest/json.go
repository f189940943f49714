// Package tapetest makes tapes from JSON in the plainest way there is. It is slow, and it is the reference that the
// readers of internal/record are compared with.
package tapetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/dice-engine/dice/internal/tape"
)

// FromJSON returns the tape of a JSON value and the certificate texts that it mentions, in the order of their ordinals.
// It fails on a value of another type than the shape's, unless it is lenient, and on a repeated member name.
func FromJSON(s *tape.Shape, text []byte) (out []byte, certificates []string, err error) {
	v, err := parse(text)
	if err != nil {
		return nil, nil, err
	}
	if v == nil {
		return []byte{tape.End}, nil, nil
	}
	e := encoder{}
	out, err = e.value([]byte{tape.Present}, s.Root, v)
	return out, e.certificates, err
}

// object keeps the members of a JSON object in order.
type object []tape.Pair[any]

// raw keeps the text beside a parsed value, for Text.
type raw struct {
	text  []byte
	value any
}

func parse(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	v, err := parseValue(d, text)
	if err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

func parseValue(d *json.Decoder, text []byte) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	start := d.InputOffset()
	switch token {
	case json.Delim('{'):
		var o object
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := parseValue(d, text)
			if err != nil {
				return nil, err
			}
			o = append(o, tape.Pair[any]{Key: key.(string), Value: v})
		}
		_, err = d.Token()
		return raw{text[start-1 : d.InputOffset()], o}, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := parseValue(d, text)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return raw{text[start-1 : d.InputOffset()], list}, err
	case nil:
		return nil, nil
	}
	return raw{scalarText(text, d.InputOffset()), token}, nil
}

// scalarText returns the text of the scalar that ends at end.
func scalarText(text []byte, end int64) []byte {
	start := end - 1
	if text[start] == '"' {
		for start--; text[start] != '"' || escaped(text, start); start-- {
		}
		return text[start:end]
	}
	for start > 0 && bytes.IndexByte([]byte(" \t\r\n,:[{"), text[start-1]) < 0 {
		start--
	}
	return text[start:end]
}

func escaped(text []byte, at int64) bool {
	n := 0
	for at--; at >= 0 && text[at] == '\\'; at-- {
		n++
	}
	return n%2 == 1
}

type encoder struct{ certificates []string }

func mismatch(n *tape.Node, v any) error {
	return fmt.Errorf("%T where the shape has kind %d", v.(raw).value, n.Kind)
}

func (e *encoder) value(dst []byte, n *tape.Node, v any) ([]byte, error) {
	r := v.(raw)
	switch value := r.value.(type) {
	case bool:
		if n.Kind == tape.Bool {
			return tape.AppendBool(dst, value), nil
		}
	case json.Number:
		i, err := value.Int64()
		if n.Kind == tape.Int && err == nil {
			return tape.AppendInt(dst, i), nil
		}
		f, err := value.Float64()
		if n.Kind == tape.Int && err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return tape.AppendInt(dst, int64(f)), nil
		}
		if n.Kind == tape.Float && err == nil && !math.IsInf(f, 0) {
			return tape.AppendFloat(dst, f), nil
		}
	case string:
		switch n.Kind {
		case tape.String:
			return tape.AppendString(dst, value), nil
		case tape.Certificate:
			return tape.AppendInt(dst, e.ordinal(value)), nil
		case tape.Stamp:
			var at time.Time
			if len(value) <= 64 && at.UnmarshalText([]byte(value)) == nil && at.UTC().Year() >= 1 && at.UTC().Year() <= 9999 {
				return tape.AppendInt(dst, at.UnixMicro()), nil
			}
		}
	case object:
		switch n.Kind {
		case tape.Struct:
			return e.members(dst, n, value)
		case tape.Map:
			return e.pairs(dst, n, value)
		}
	case []any:
		switch {
		case n.Kind == tape.Chain:
			return e.chain(dst, n, value)
		case n.Kind == tape.List:
			return e.list(dst, n, value)
		case n.Kind == tape.Map && n.Pairs:
			return e.listedPairs(dst, n, value)
		}
	}
	if n.Kind == tape.AnyJSON {
		return tape.AppendString(dst, r.text), nil
	}
	return nil, mismatch(n, v)
}

func (e *encoder) ordinal(text string) int64 {
	if text == "" {
		return 0
	}
	for i, known := range e.certificates {
		if known == text {
			return int64(i + 1)
		}
	}
	e.certificates = append(e.certificates, text)
	return int64(len(e.certificates))
}

func (e *encoder) chain(dst []byte, n *tape.Node, list []any) ([]byte, error) {
	leaf := ""
	for i, v := range list {
		if v == nil {
			continue
		}
		text, ok := v.(raw).value.(string)
		if !ok {
			return nil, mismatch(n, v)
		}
		if i == 0 {
			leaf = text
		}
	}
	return tape.AppendInt(dst, e.ordinal(leaf)), nil
}

// maybe encodes v unless it is null, or lenient and of another type; it reports whether it did.
func (e *encoder) maybe(dst []byte, n *tape.Node, v any) ([]byte, bool, error) {
	if v == nil {
		return dst, false, nil
	}
	known := e.certificates
	out, err := e.value(dst, n, v)
	if err != nil && n.Lenient {
		e.certificates = known
		return dst, false, nil
	}
	return out, err == nil, err
}

func (e *encoder) members(dst []byte, n *tape.Node, o object) ([]byte, error) {
	seen := map[string]any{}
	for _, member := range o {
		if _, again := seen[member.Key]; again {
			return nil, fmt.Errorf("member %q is repeated", member.Key)
		}
		seen[member.Key] = member.Value
	}
	for i, field := range n.Fields {
		start := len(dst)
		written := false
		for _, name := range field.Names {
			out, ok, err := e.maybe(append(dst[:start:start], byte(i+1)), field, seen[name])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if ok && !written && !field.Check {
				dst, written = out, true
			}
		}
		if written && !field.Optional {
			dst = tape.CloseField(dst, start)
		}
	}
	return append(dst, tape.End), nil
}

func (e *encoder) elem(dst []byte, n *tape.Node, key *string, v any) ([]byte, error) {
	appendKey := func(dst []byte) []byte {
		if key != nil {
			return tape.AppendString(dst, *key)
		}
		return dst
	}
	out, ok, err := e.maybe(appendKey(append(dst[:len(dst):len(dst)], tape.Present)), n, v)
	if err != nil || ok {
		return out, err
	}
	if n.Optional {
		return appendKey(append(dst, tape.Null)), nil
	}
	return appendZero(appendKey(append(dst, tape.Present)), n), nil
}

// appendZero appends the zero value of n.
func appendZero(dst []byte, n *tape.Node) []byte {
	if n.Kind == tape.Float {
		return tape.AppendFloat(dst, 0)
	}
	return append(dst, 0)
}

func (e *encoder) list(dst []byte, n *tape.Node, list []any) (out []byte, err error) {
	for _, v := range list {
		if dst, err = e.elem(dst, n.Elem, nil, v); err != nil {
			return nil, err
		}
	}
	return append(dst, tape.End), nil
}

func (e *encoder) pairs(dst []byte, n *tape.Node, o object) (out []byte, err error) {
	seen := map[string]bool{}
	for _, member := range o {
		if seen[member.Key] {
			return nil, fmt.Errorf("member %q is repeated", member.Key)
		}
		seen[member.Key] = true
		if dst, err = e.elem(dst, n.Elem, &member.Key, member.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", member.Key, err)
		}
	}
	return append(dst, tape.End), nil
}

// listedPairs reads a map that was written as a list of [key, value] or {"key": key, "value": value}.
func (e *encoder) listedPairs(dst []byte, n *tape.Node, list []any) ([]byte, error) {
	var o object
	for _, v := range list {
		pair, ok := asPair(v)
		if !ok {
			return nil, fmt.Errorf("element is no pair of key and value")
		}
		o = append(o, pair)
	}
	return e.pairs(dst, n, o)
}

func asPair(v any) (pair tape.Pair[any], ok bool) {
	if v == nil {
		return pair, false
	}
	var key any
	switch value := v.(raw).value.(type) {
	case []any:
		if len(value) != 2 {
			return pair, false
		}
		key, pair.Value = value[0], value[1]
	case object:
		if len(value) != 2 || value[0].Key != "key" || value[1].Key != "value" {
			return pair, false
		}
		key, pair.Value = value[0].Value, value[1].Value
	}
	r, _ := key.(raw)
	pair.Key, ok = r.value.(string)
	return pair, ok
}
