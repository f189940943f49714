package record

import (
	"errors"

	"github.com/dice-engine/dice/internal/tape"
)

// members appends the fields of a struct. Objects in the order of the fields are read once, others twice.
func (p *jsonParser) members(dst []byte, b *binding) ([]byte, error) {
	start := p.mark()
	out, err := p.orderedMembers(dst, b)
	if errors.Is(err, errOrder) {
		p.back(start)
		out, err = p.scatteredMembers(dst, b)
	}
	p.names, p.offsets = p.names[:start.names], p.offsets[:start.offsets]
	return out, err
}

// orderedMembers gives up with errOrder at a member that stands behind its place.
func (p *jsonParser) orderedMembers(dst []byte, b *binding) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	base, last, written := len(p.names), -1, -1
	for first := true; ; first = false {
		position, ok, err := p.position(b, last, first)
		switch {
		case err != nil:
			return dst, err
		case !ok:
			return append(dst, tape.End), p.repeated(base)
		case position < 0:
			if err := p.skip(); err != nil {
				return dst, err
			}
			continue
		case position <= last:
			return dst, errOrder
		}
		last = position
		if dst, written, err = p.field(dst, b, position, written); err != nil {
			return dst, err
		}
	}
}

// field appends one field from the value at hand. written is the last field that got a value: further names of a field
// are checked only.
func (p *jsonParser) field(dst []byte, b *binding, position, written int) ([]byte, int, error) {
	start, field, value := len(dst), b.fields[position], b.values[position]
	dst, ok, err := p.maybe(append(dst, byte(field+1)), value)
	if err != nil {
		return dst[:start], written, within(err, b.names[position])
	}
	if !ok || value.node.Check || written == field {
		return dst[:start], written, nil
	}
	if !value.node.Optional {
		dst = tape.CloseField(dst, start)
	}
	return dst, field, nil
}

// within puts a member's name before the path of a fault.
func within(err error, name string) error {
	if err == nil {
		return nil
	}
	var f *fault
	if errors.As(err, &f) && !f.broken {
		if f.path != "" {
			name += "." + f.path
		}
		f.path = name
	}
	return err
}

// scatteredMembers notes where the members are, then reads them in the order of the fields.
func (p *jsonParser) scatteredMembers(dst []byte, b *binding) ([]byte, error) {
	base := len(p.offsets)
	for range b.names {
		p.offsets = append(p.offsets, -1)
	}
	if err := p.findMembers(b, base); err != nil {
		return dst, err
	}
	end, written := p.at, -1
	p.depth++
	for position := range b.names {
		offset := p.offsets[base+position]
		if offset < 0 {
			continue
		}
		var err error
		p.at = offset
		if dst, written, err = p.field(dst, b, position, written); err != nil {
			return dst, err
		}
	}
	p.depth--
	p.at = end
	return append(dst, tape.End), nil
}

func (p *jsonParser) findMembers(b *binding, base int) error {
	if err := p.enter(); err != nil {
		return err
	}
	names := len(p.names)
	for first := true; ; first = false {
		name, ok, err := p.name(first)
		if err != nil {
			return err
		}
		if !ok {
			return p.repeated(names)
		}
		position, known := b.place[string(name)]
		switch {
		case !known:
			err = p.note(name)
		case p.offsets[base+position] >= 0:
			err = p.misfit("member %.64q is repeated", name)
		default:
			p.offsets[base+position] = p.at
		}
		if err != nil {
			return err
		}
		if err := p.skip(); err != nil {
			return err
		}
	}
}

// elem appends one element of a list, or one value of a map with its key.
func (p *jsonParser) elem(dst []byte, b *binding, key []byte, keyed bool) ([]byte, error) {
	if p.elements++; p.elements > p.limits.Elements {
		return dst, p.tooLarge("number of elements", int64(p.limits.Elements))
	}
	start := len(dst)
	dst = append(dst, tape.Present)
	if keyed {
		dst = tape.AppendString(dst, key)
	}
	dst, ok, err := p.maybe(dst, b)
	switch {
	case err != nil || ok:
		return dst, err
	case b.node.Optional:
		dst[start] = tape.Null
		return dst, nil
	case b.node.Kind == tape.Float:
		return tape.AppendFloat(dst, 0), nil
	}
	return append(dst, 0), nil
}

func (p *jsonParser) list(dst []byte, b *binding) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	for first := true; ; first = false {
		ok, err := p.more(first, ']')
		if err != nil {
			return dst, err
		}
		if !ok {
			return append(dst, tape.End), nil
		}
		if dst, err = p.elem(dst, b.elem, nil, false); err != nil {
			return dst, err
		}
	}
}

func (p *jsonParser) pairs(dst []byte, b *binding) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	base := len(p.names)
	for first := true; ; first = false {
		name, ok, err := p.name(first)
		if err != nil {
			return dst, err
		}
		if !ok {
			return append(dst, tape.End), p.repeated(base)
		}
		if err := p.note(name); err != nil {
			return dst, err
		}
		if dst, err = p.elem(dst, b.elem, name, true); err != nil {
			return dst, within(err, string(name))
		}
	}
}

// listedPairs takes a map that was written as a list of [key, value] or {"key": key, "value": value}.
func (p *jsonParser) listedPairs(dst []byte, b *binding) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	base := len(p.names)
	for first := true; ; first = false {
		ok, err := p.more(first, ']')
		if err != nil {
			return dst, err
		}
		if !ok {
			return append(dst, tape.End), p.repeated(base)
		}
		switch p.peek() {
		case '[':
			dst, err = p.listedPair(dst, b.elem)
		case '{':
			dst, err = p.namedPair(dst, b.elem)
		default:
			err = p.noPair()
		}
		if err != nil {
			return dst, err
		}
	}
}

func (p *jsonParser) noPair() error { return p.misfit("element is no pair of key and value") }

// listedPair takes [key, value].
func (p *jsonParser) listedPair(dst []byte, b *binding) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	for i := range 3 {
		ok, err := p.more(i == 0, ']')
		if err != nil {
			return dst, err
		}
		if ok != (i < 2) {
			return dst, p.noPair()
		}
		if ok {
			if dst, err = p.half(dst, b, i); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// namedPair takes {"key": key, "value": value}.
func (p *jsonParser) namedPair(dst []byte, b *binding) ([]byte, error) {
	if err := p.enter(); err != nil {
		return dst, err
	}
	for i := range 3 {
		name, ok, err := p.name(i == 0)
		if err != nil {
			return dst, err
		}
		if ok != (i < 2) || ok && string(name) != [2]string{"key", "value"}[i] {
			return dst, p.noPair()
		}
		if ok {
			if dst, err = p.half(dst, b, i); err != nil {
				return dst, err
			}
		}
	}
	return dst, nil
}

// half takes the first half of a pair, the key, onto the stack of names, or the second one into dst.
func (p *jsonParser) half(dst []byte, b *binding, i int) ([]byte, error) {
	if i == 1 {
		return p.elem(dst, b, p.names[len(p.names)-1], true)
	}
	if p.peek() != '"' {
		return dst, p.noPair()
	}
	raw, escaped, err := p.quoted()
	if err != nil {
		return dst, err
	}
	if escaped {
		raw = p.keep(raw)
	}
	return dst, p.note(raw)
}
